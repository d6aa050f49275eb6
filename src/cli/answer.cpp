// assent approve, assent deny: one answer to one question.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "base/show.h"
#include "cli/always.h"
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

// Typed, by somebody who has seen what it is about.
bool types_yes(std::string_view what) {
  fmt::print("type yes and Enter to {}: ", what);
  std::fflush(stdout);
  std::string typed;
  std::getline(std::cin, typed);
  return typed == "yes";
}

// For programs that show it themselves, and ask.
int show_rule(const AlwaysRule& planned) {
  const nlohmann::json out{{"path", show(planned.path)},
                           {"line", planned.line},
                           {"new", planned.is_new},
                           {"rule", planned.rule},
                           {"seal", seal_of(planned)}};
  fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return kOk;
}

// The rule, and a second yes to it. Nothing is written yet.
Result<AlwaysRule> ask_for_rule(const message::Waiting& waiting, const approve::SessionFacts& session, bool yes_given,
                                const std::string& seal) {
  auto planned = plan_always(waiting, session);
  if (!planned) return planned;
  if (!seal.empty()) {
    if (seal == seal_of(*planned)) return planned;
    return fail(ESTALE, "the rule, or its place, is not the one that was shown any more; look at it again");
  }
  fmt::print("{}this rule {} {}:{}\n\n", describe(waiting),
             planned->is_new ? "would be the first of a new profile," : "would be added at", show(planned->path),
             planned->line);
  for (std::string_view left = planned->rule; !left.empty();) {
    const auto line = left.substr(0, left.find('\n'));
    fmt::print("    {}\n", line);
    left.remove_prefix(std::min(left.size(), line.size() + 1));
  }
  fmt::print("\n");
  if (yes_given) return planned;
  if (::isatty(STDIN_FILENO) != 1) return fail(ENOTTY, "it asks once more and there is no terminal; --yes says yes");
  if (!types_yes("allow it from now on")) return fail(ECANCELED, "nothing was added and nothing was allowed");
  return planned;
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
  add("always", "make it a rule of your profile: shows the rule and asks once more");
  add("yes", "with --always: yes to the rule too");
  add("dry-run", "with --always: show the rule as JSON, and answer nothing");
  add("seal", po::value<std::string>()->value_name("SEAL"),
      "with --always: yes to the rule that --dry-run showed with this seal, and to no other");
  add("from", po::value<std::string>()->value_name("TEXT"), "for the record: where the answer was given");
  add("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("approve", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    return help(
        "assent approve ID [--scope once|command|session] [--confirm TEXT] "
        "[--always [--yes | --dry-run | --seal SEAL]]",
        "Allows what the question asks ('assent pending' lists them).", options);
  }
  if (parsed->words.size() != 1) return complain("approve", "name one question; 'assent pending' lists them", kUsage);
  message::Give answer;
  answer.id = parsed->words.front();
  answer.consent = Consent::Yes;
  const auto scope = scope_from_name(parsed->given["scope"].as<std::string>());
  if (!scope) return complain("approve", "--scope is one of once, command, session", kUsage);
  answer.scope = *scope;
  const bool always = parsed->given.count("always") != 0;
  if (always && parsed->given["scope"].defaulted()) answer.scope = Scope::Session;
  for (const char* option : {"yes", "dry-run", "seal"}) {
    if (!always && parsed->given.count(option) != 0)
      return complain("approve", fmt::format("--{} goes with --always", option), kUsage);
  }
  const std::string from = parsed->given.count("from") != 0 ? " from " + parsed->given["from"].as<std::string>() : "";
  const std::string seal = parsed->given.count("seal") != 0 ? parsed->given["seal"].as<std::string>() : "";
  auto daemon = call_daemon((always ? "approve --always" : "approve") + from);
  if (!daemon) return complain("approve", daemon.error().what, kFailed);
  approve::SessionFacts session;
  auto waiting = find_waiting(*daemon, answer.id, &session);
  if (!waiting)
    return complain("approve", fmt::format("{}: {}", show(answer.id), waiting.error().what),
                    waiting.error().code == ENOENT ? kNegative : kFailed);
  std::optional<AlwaysRule> rule;
  if (always) {
    const bool only_shown = parsed->given.count("dry-run") != 0;
    auto planned = only_shown ? plan_always(*waiting, session)
                              : ask_for_rule(*waiting, session, parsed->given.count("yes") != 0, seal);
    if (planned && only_shown) return show_rule(*planned);
    if (!planned) {
      fmt::print(stderr, "assent: cannot always allow {}: {}\n", show(answer.id), planned.error().what);
      return planned.error().code == ENOTTY ? kUsage : kNegative;
    }
    rule = std::move(*planned);
  }
  if (parsed->given.count("confirm") != 0) {
    answer.confirm = parsed->given["confirm"].as<std::string>();
  } else if (!waiting->question.confirm.empty() && ::isatty(STDIN_FILENO) == 1) {
    fmt::print("{}\ntype {} and Enter: ", describe(*waiting), show(waiting->question.confirm));
    std::fflush(stdout);
    std::getline(std::cin, answer.confirm);
  }
  const int status = give("approve", *daemon, answer);
  if (status != kOk || !rule) return status;
  // The daemon has taken the answer: only now is it more than a wish.
  if (auto added = add_always(*rule); !added) return complain("approve", added.error().what, kFailed);
  fmt::print("from now on by {}:{}\n", show(rule->path), rule->line);
  return kOk;
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
