// assent run: reads the options, then hands them to a session.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <sstream>

#include "base/duration.h"
#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/leading_options.h"
#include "cli/verbs.h"
#include "net/publish.h"
#include "session/session.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using session::AskOn;
using session::RunOptions;

po::options_description described() {
  po::options_description all("options");
  auto add = all.add_options();
  const auto words = [] { return po::value<std::vector<std::string>>()->composing(); };
  add("profile,p", words()->value_name("NAME|FILE"), "profile to use (repeatable; later ones add rules in front)");
  add("project,C", po::value<std::string>()->value_name("DIR"),
      "the project (default: the git top level, else the working directory)");
  add("mode,m", po::value<std::string>()->value_name("MODE"), "live or freeze");
  add("headless", "nobody will answer: every question is a denial, at once");
  add("ask", po::value<std::string>()->value_name("WHERE"),
      "where questions go: tty, daemon or none (default: a daemon if one runs, else this terminal, else none)");
  add("timeout", po::value<std::string>()->value_name("DURATION"), "an unanswered question is a denial after this");
  add("fail-on-denial", "exit 77 where the agent exited 0 but something was denied");
  add("env", words()->value_name("NAME[=VALUE]"), "pass or set one more variable");
  add("allow-host", words()->value_name("HOST[:PORT]"),
      "let connections to this host through; udp:HOST:PORT: datagrams too");
  add("publish", words()->value_name("[HOST:]PORT[:INNER]"), "make a server inside reachable on the loopback outside");
  add("write", words()->value_name("DIR"), "a folder the agent may change unasked");
  add("read", words()->value_name("DIR"), "a folder the agent may see although the profile hides it");
  add("hide", words()->value_name("PATH"), "hide this path");
  add("session-name", po::value<std::string>()->value_name("NAME"), "a name for the record");
  add("verbose,v", "say every decision on standard error");
  add("quiet,q", "say nothing that is not an error");
  add("help,h", "this text");
  return all;
}

Result<RunOptions> options_from(const po::variables_map& given) {
  RunOptions out;
  out.profiles = values_of(given, "profile");
  out.environment = values_of(given, "env");
  out.allow_hosts = values_of(given, "allow-host");
  out.publish = values_of(given, "publish");
  for (const auto& text : out.publish) {
    if (auto place = net::parse_publish(text); !place)
      return fail(EINVAL, fmt::format("--publish {}: {}", show(text), place.error().what));
  }
  out.write = values_of(given, "write");
  out.read = values_of(given, "read");
  out.hide = values_of(given, "hide");
  if (given.count("project") != 0) out.project = given["project"].as<std::string>();
  if (given.count("mode") != 0) {
    out.mode = given["mode"].as<std::string>();
    if (*out.mode != "live" && *out.mode != "freeze")
      return fail(EINVAL, fmt::format("mode '{}' is not one of live, freeze", show(*out.mode)));
  }
  if (given.count("session-name") != 0) out.session_name = given["session-name"].as<std::string>();
  if (given.count("ask") != 0) {
    const auto where = given["ask"].as<std::string>();
    if (where == "tty")
      out.ask = AskOn::Terminal;
    else if (where == "daemon")
      out.ask = AskOn::Daemon;
    else if (where == "none")
      out.ask = AskOn::Nobody;
    else
      return fail(EINVAL, fmt::format("--ask '{}' is not one of tty, daemon, none", show(where)));
  }
  if (given.count("headless") != 0) out.ask = AskOn::Nobody;
  if (given.count("timeout") != 0) {
    auto parsed = parse_duration(given["timeout"].as<std::string>());
    if (!parsed) return pass(std::move(parsed));
    out.timeout = *parsed;
  }
  if (given.count("fail-on-denial") != 0) out.fail_on_denial = session::FailOnDenial::Yes;
  if (given.count("verbose") != 0) out.loudness = session::Loudness::Verbose;
  if (given.count("quiet") != 0) out.loudness = session::Loudness::Quiet;
  return out;
}

int usage_error(const std::string& why) {
  fmt::print(stderr, "assent: cannot run: {}; see 'assent run --help'\n", why);
  return kUsage;
}

}  // namespace

int run_main(Arguments arguments) {
  auto early = session::Early::begin();
  const auto described_options = described();
  auto leading = parse_leading(arguments, described_options);
  if (!leading) return usage_error(leading.error().what);
  const auto& given = leading->given;
  if (given.count("help") != 0) {
    std::ostringstream text;
    text << described_options;
    fmt::print(
        "usage: assent run [options] [--] COMMAND [ARG...]\n\nLaunches COMMAND inside the sandbox. Nothing that it did "
        "not make itself is\n"
        "destroyed without a human's assent.\n\n{}",
        text.str());
    return kOk;
  }
  auto options = options_from(given);
  if (!options) return usage_error(options.error().what);
  options->command = std::move(leading->rest);
  options->given.assign(arguments.begin(), arguments.end());
  if (options->command.empty()) return usage_error("no command given");

  auto status = session::run(*options, std::move(early));
  if (!status) {
    fmt::print(stderr, "assent: {}\n", status.error().what);
    return kFailed;
  }
  return *status;
}

}  // namespace assent::cli
