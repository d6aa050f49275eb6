#include "cli/daemon_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "approve/question_view.h"
#include "base/show.h"

namespace assent::cli {

namespace message = approve::message;

Result<approve::DaemonLink> call_daemon(std::string_view verb, std::chrono::milliseconds limit) {
  message::Hello hello;
  hello.role = message::Hello::Role::Operator;
  hello.from = fmt::format("assent {}", verb);
  std::array<char, 128> terminal{};
  for (const int fd : {0, 2, 1}) {
    if (::ttyname_r(fd, terminal.data(), terminal.size()) != 0) continue;
    hello.from += fmt::format(" on {}", terminal.data());
    break;
  }
  return approve::DaemonLink::open(approve::daemon_sockets(), hello, limit);
}

Result<message::Waiting> find_waiting(approve::DaemonLink& daemon, const std::string& id,
                                      approve::SessionFacts* session) {
  if (auto status = daemon.send(message::List{}); !status) return pass(std::move(status));
  Result<message::Waiting> found =
      fail(ENOENT, "it was answered, ran out of time, or never was; 'assent pending' lists what waits");
  for (;;) {
    auto next = daemon.receive();
    if (!next) return pass(std::move(next));
    if (std::holds_alternative<message::End>(*next)) return found;
    if (auto* waiting = std::get_if<message::Waiting>(&*next); waiting != nullptr && waiting->id == id)
      found = std::move(*waiting);
    // Sessions come after the questions.
    const auto* running = std::get_if<message::Running>(&*next);
    if (running != nullptr && session != nullptr && found && running->session.session == found->question.session)
      *session = running->session;
  }
}

std::string describe(const message::Waiting& waiting) {
  const Question& q = waiting.question;
  std::string out;
  const auto line = [&out](const std::string& text) { out += "  " + text + "\n"; };
  // One line a fact, however long: nothing is cut where people scroll.
  constexpr std::size_t kWide = 1 << 20;
  for (const auto& fact : approve::everything_of(q, kWide)) line(fact.text);
  line(fmt::format("session {} of {}", show(q.session), show(waiting.user)));
  line(fmt::format("{} left{}", approve::human_left(std::chrono::duration_cast<std::chrono::seconds>(waiting.left)),
                   waiting.merged > 1 ? fmt::format(", {} calls ask it", waiting.merged) : ""));
  if (!q.confirm.empty()) line("to allow it: --confirm " + show_command({q.confirm}));
  if (!waiting.may_answer) line("you may not allow it: " + show(waiting.why_not));
  return out;
}

}  // namespace assent::cli
