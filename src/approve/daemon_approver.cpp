#include "approve/daemon_approver.h"

#include <fmt/format.h>

#include <utility>

namespace assent::approve {

namespace {

using namespace std::chrono_literals;

// While a session runs, a daemon that is slow to greet must not hold up the agent's other calls for long.
constexpr auto kGreeting = 3s;
constexpr auto kGreetingMeanwhile = 300ms;

}  // namespace

Result<std::unique_ptr<DaemonApprover>> DaemonApprover::create(EventLoop& loop, Options options,
                                                               std::unique_ptr<Approver> fallback) {
  std::unique_ptr<DaemonApprover> out(new DaemonApprover(loop, std::move(options), std::move(fallback)));
  if (auto status = out->connect(kGreeting); !status) return pass(std::move(status));
  return out;
}

DaemonApprover::DaemonApprover(EventLoop& loop, Options options, std::unique_ptr<Approver> fallback)
    : options_(std::move(options)),
      fallback_(std::move(fallback)),
      daemon_(loop, {[this](const Message& message) { return said(message); },
                     [this](const std::string& why) { lost(why); }}) {}

DaemonApprover::~DaemonApprover() { *alive_ = false; }

Status DaemonApprover::connect(std::chrono::milliseconds limit) {
  message::Hello hello;
  hello.role = message::Hello::Role::Session;
  hello.session = options_.session;
  auto link = DaemonLink::open(options_.sockets, hello, limit);
  if (!link) return pass(std::move(link));
  return daemon_.begin(std::move(*link));
}

void DaemonApprover::ask(Question question, AnswerCallback answered) {
  if (!daemon_.open() && !connect(kGreetingMeanwhile)) {
    if (fallback_) return fallback_->ask(std::move(question), std::move(answered));
    Answer no;
    no.question = question.id;
    no.reason = "no approval daemon runs, and there is no terminal";
    no.who = "assentd";
    return answered(no);
  }
  message::Ask ask;
  ask.left = std::chrono::ceil<std::chrono::milliseconds>(question.deadline - std::chrono::steady_clock::now());
  ask.left = std::max(ask.left, std::chrono::milliseconds(0));
  waiting_.emplace(question.id, std::move(answered));
  ask.question = std::move(question);
  daemon_.send(ask);
}

void DaemonApprover::cancel(std::uint64_t question) {
  if (waiting_.erase(question) != 0)
    daemon_.send(message::Cancel{question});
  else if (fallback_)
    fallback_->cancel(question);
}

bool DaemonApprover::said(const Message& message) {
  const auto* answer = std::get_if<message::Answered>(&message);
  if (answer == nullptr) return false;
  auto found = waiting_.find(answer->answer.question);
  if (found == waiting_.end()) return true;  // cancelled meanwhile
  const AnswerCallback callback = std::move(found->second);
  waiting_.erase(found);
  callback(answer->answer);
  return true;
}

void DaemonApprover::lost(const std::string& why) {
  const auto alive = alive_;
  auto waiting = std::exchange(waiting_, {});
  if (options_.tell)
    options_.tell(
        fmt::format("{}; {} waiting question{} denied", why, waiting.size(), waiting.size() == 1 ? " is" : "s are"));
  for (auto& [id, answered] : waiting) {
    Answer no;
    no.question = id;
    no.reason = why;
    no.who = "assentd";
    answered(no);
    if (!*alive) return;
  }
}

}  // namespace assent::approve
