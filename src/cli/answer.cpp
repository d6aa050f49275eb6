// assent approve, assent deny: one answer to one question.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <sstream>

#include "base/show.h"
#include "cli/daemon_view.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
namespace message = approve::message;

int give(std::string_view verb, approve::DaemonLink& daemon, const message::Give& give) {
  if (auto status = daemon.send(give); !status) return complain(verb, status.error().what, kFailed);
  auto reply = daemon.receive();
  if (!reply) return complain(verb, reply.error().what, kFailed);
  if (const auto* refused = std::get_if<message::Refused>(&*reply)) {
    fmt::print(stderr, "assent: cannot {} {}: {}\n", verb, show(give.id), show(refused->why));
    return kNegative;
  }
  const auto* given = std::get_if<message::Given>(&*reply);
  if (given == nullptr) return complain(verb, "the approval daemon said what nobody understands", kFailed);
  if (given->missing > 0) {
    fmt::print("your yes is noted; {} more {} say yes\n", given->missing,
               given->missing == 1 ? "person must" : "people must");
  } else {
    fmt::print("{}\n", give.consent == Consent::Yes    ? "allowed"
                       : give.consent == Consent::Stop ? "denied, and the agent is stopped"
                                                       : "denied");
  }
  return kOk;
}

int help(std::string_view usage, std::string_view what, const po::options_description& options) {
  std::ostringstream text;
  text << options;
  fmt::print("usage: {}\n\n{}\n\n{}", usage, what, text.str());
  return kOk;
}

}  // namespace

int approve_main(Arguments arguments) {
  po::options_description options("options");
  auto add = options.add_options();
  add("scope", po::value<std::string>()->default_value("once")->value_name("SCOPE"), "once, command or session");
  add("confirm", po::value<std::string>()->value_name("TEXT"), "the words that a question wants typed");
  add("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("approve", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    return help("assent approve ID [--scope once|command|session] [--confirm TEXT]",
                "Allows what the question asks ('assent pending' lists them).", options);
  }
  if (parsed->words.size() != 1) return complain("approve", "name one question; 'assent pending' lists them", kUsage);
  message::Give answer;
  answer.id = parsed->words.front();
  answer.consent = Consent::Yes;
  const auto scope = scope_from_name(parsed->given["scope"].as<std::string>());
  if (!scope) return complain("approve", "--scope is one of once, command, session", kUsage);
  answer.scope = *scope;
  auto daemon = call_daemon("approve");
  if (!daemon) return complain("approve", daemon.error().what, kFailed);
  auto waiting = find_waiting(*daemon, answer.id);
  if (!waiting)
    return complain("approve", fmt::format("{}: {}", show(answer.id), waiting.error().what),
                    waiting.error().code == ENOENT ? kNegative : kFailed);
  if (parsed->given.count("confirm") != 0) {
    answer.confirm = parsed->given["confirm"].as<std::string>();
  } else if (!waiting->question.confirm.empty() && ::isatty(STDIN_FILENO) == 1) {
    fmt::print("{}\ntype {} and Enter: ", describe(*waiting), show(waiting->question.confirm));
    std::fflush(stdout);
    std::getline(std::cin, answer.confirm);
  }
  return give("approve", *daemon, answer);
}

int deny_main(Arguments arguments) {
  po::options_description options("options");
  auto add = options.add_options();
  add("reason", po::value<std::string>()->value_name("TEXT"), "told to the agent");
  add("scope", po::value<std::string>()->default_value("command")->value_name("SCOPE"), "once, command or session");
  add("stop", "end the agent too");
  add("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("deny", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    return help("assent deny ID [--reason TEXT] [--stop]",
                "Refuses what the question asks ('assent pending' lists them).", options);
  }
  if (parsed->words.size() != 1) return complain("deny", "name one question; 'assent pending' lists them", kUsage);
  message::Give answer;
  answer.id = parsed->words.front();
  answer.consent = parsed->given.count("stop") != 0 ? Consent::Stop : Consent::No;
  const auto scope = scope_from_name(parsed->given["scope"].as<std::string>());
  if (!scope) return complain("deny", "--scope is one of once, command, session", kUsage);
  answer.scope = *scope;
  if (parsed->given.count("reason") != 0) answer.reason = parsed->given["reason"].as<std::string>();
  auto daemon = call_daemon("deny");
  if (!daemon) return complain("deny", daemon.error().what, kFailed);
  return give("deny", *daemon, answer);
}

}  // namespace assent::cli
