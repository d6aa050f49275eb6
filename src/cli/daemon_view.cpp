#include "cli/daemon_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "approve/question_view.h"
#include "base/show.h"

namespace assent::cli {

namespace {

namespace message = approve::message;

std::string_view words_of(Recovery recovery) {
  switch (recovery) {
    case Recovery::Vault:
      return "can be undone: a copy is kept in the vault";
    case Recovery::Git:
      return "git holds the same content";
    case Recovery::None:
      return "cannot be undone";
    case Recovery::NoLoss:
      return "nothing that is there now is lost";
  }
  return "cannot be undone";
}

}  // namespace

Result<approve::DaemonLink> call_daemon(std::string_view verb) {
  message::Hello hello;
  hello.role = message::Hello::Role::Operator;
  hello.from = fmt::format("assent {}", verb);
  std::array<char, 128> terminal{};
  for (const int fd : {0, 2, 1}) {
    if (::ttyname_r(fd, terminal.data(), terminal.size()) != 0) continue;
    hello.from += fmt::format(" on {}", terminal.data());
    break;
  }
  return approve::DaemonLink::open(approve::daemon_sockets(), hello);
}

Result<message::Waiting> find_waiting(approve::DaemonLink& daemon, const std::string& id) {
  if (auto status = daemon.send(message::List{}); !status) return pass(std::move(status));
  Result<message::Waiting> found =
      fail(ENOENT, "it was answered, ran out of time, or never was; 'assent pending' lists what waits");
  for (;;) {
    auto next = daemon.receive();
    if (!next) return pass(std::move(next));
    if (std::holds_alternative<message::End>(*next)) return found;
    if (auto* waiting = std::get_if<message::Waiting>(&*next); waiting != nullptr && waiting->id == id)
      found = std::move(*waiting);
  }
}

std::string describe(const message::Waiting& waiting) {
  const Question& q = waiting.question;
  std::string out;
  const auto line = [&out](const std::string& text) { out += "  " + text + "\n"; };
  if (q.process) {
    line(q.process->argv.empty() ? show(q.process->exe) : show_command(q.process->argv));
    line("in " + show(q.process->cwd));
    std::string chain;
    for (const auto& one : q.process->ancestry) chain += (chain.empty() ? "by " : " < ") + show(one);
    if (!chain.empty()) line(chain);
  }
  line(fmt::format("{} {}", show(q.operation), show(q.object)));
  if (q.radius) line(fmt::format("{} below {}", approve::what_lies_below(*q.radius), show(q.radius->root)));
  line(std::string(words_of(q.recovery)));
  line("rule " + show(to_string(q.decision.rule)) + (q.decision.reason.empty() ? "" : ": " + show(q.decision.reason)));
  if (q.decision.quorum > 1) {
    std::string so_far;
    for (const auto& vote : q.votes) so_far += (so_far.empty() ? "; so far: " : ", ") + show(vote.who);
    line(fmt::format("needs the yes of {} people{}", q.decision.quorum, so_far));
  }
  line(fmt::format("session {} of {}", show(q.session), show(waiting.user)));
  line(fmt::format("{} left{}", approve::human_left(std::chrono::duration_cast<std::chrono::seconds>(waiting.left)),
                   waiting.merged > 1 ? fmt::format(", {} calls ask it", waiting.merged) : ""));
  if (!q.confirm.empty()) line("to allow it: --confirm " + show_command({q.confirm}));
  if (!waiting.may_answer) line("you may not allow it: " + show(waiting.why_not));
  return out;
}

}  // namespace assent::cli
