// assent pending: the questions that wait at the approval daemon, as far as they are the caller's to see.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/show.h"
#include "cli/daemon_view.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
namespace message = approve::message;

void print_json(const message::Waiting& waiting) {
  const Question& q = waiting.question;
  nlohmann::ordered_json out;
  out["id"] = show(waiting.id);
  out["session"] = show(q.session);
  out["user"] = show(waiting.user);
  out["uid"] = waiting.uid;
  out["operation"] = show(q.operation);
  out["object"] = show(q.object);
  if (!q.other.empty()) out[std::string(other_word(q))] = show(q.other);
  if (q.process) {
    out["command"] = nlohmann::ordered_json::array();
    for (const auto& word : q.process->argv) out["command"].push_back(show(word));
    out["cwd"] = show(q.process->cwd);
  }
  if (q.radius) {
    out["radius"] = {{"files", q.radius->files},           {"bytes", q.radius->bytes},
                     {"not_in_git", q.radius->not_in_git}, {"outside_project", q.radius->outside_project},
                     {"complete", q.radius->complete},     {"root", show(q.radius->root)}};
  }
  out["rule"] = show(to_string(q.decision.rule));
  out["reason"] = show(q.decision.reason);
  out["quorum"] = q.decision.quorum;
  out["votes"] = nlohmann::ordered_json::array();
  for (const auto& vote : q.votes)
    out["votes"].push_back(
        {{"who", show(vote.who)}, {"uid", vote.uid}, {"from", show(vote.from)}, {"took_ms", vote.took.count()}});
  if (!q.confirm.empty()) out["confirm"] = show(q.confirm);
  out["left_ms"] = waiting.left.count();
  out["calls"] = waiting.merged;
  out["may_answer"] = waiting.may_answer;
  if (!waiting.may_answer) out["why_not"] = show(waiting.why_not);
  fmt::print("{}\n", out.dump());
}

}  // namespace

int pending_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("json", "one JSON object a line")("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 0);
  if (!parsed) return complain("list", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent pending [--json]\n\nLists the questions that wait. 'assent approve ID' and 'assent deny ID' "
        "answer them.\n\n{}",
        text.str());
    return kOk;
  }
  auto daemon = call_daemon("pending");
  if (!daemon) return complain("list", daemon.error().what, kFailed);
  if (auto status = daemon->send(message::List{}); !status) return complain("list", status.error().what, kFailed);
  const bool json = parsed->given.count("json") != 0;
  std::size_t count = 0;
  for (;;) {
    auto next = daemon->receive();
    if (!next) return complain("list", next.error().what, kFailed);
    if (std::holds_alternative<message::End>(*next)) break;
    const auto* waiting = std::get_if<message::Waiting>(&*next);
    if (waiting == nullptr) continue;
    ++count;
    if (json)
      print_json(*waiting);
    else
      fmt::print("{}{}\n{}", count > 1 ? "\n" : "", show(waiting->id), describe(*waiting));
  }
  if (count == 0 && !json) fmt::print("nothing waits\n");
  return kOk;
}

}  // namespace assent::cli
