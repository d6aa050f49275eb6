#include "approve/daemon_approver.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace assent::approve {

namespace {

using namespace std::chrono_literals;

// While a session runs, a daemon that is slow to greet must not hold up the agent's other calls for long.
constexpr auto kGreeting = 3s;
constexpr auto kGreetingMeanwhile = 300ms;
constexpr std::size_t kMostUnsent = 64 << 20;

}  // namespace

Result<std::unique_ptr<DaemonApprover>> DaemonApprover::create(EventLoop& loop, Options options,
                                                               std::unique_ptr<Approver> fallback) {
  std::unique_ptr<DaemonApprover> out(new DaemonApprover(loop, std::move(options), std::move(fallback)));
  if (auto status = out->connect(kGreeting); !status) return pass(std::move(status));
  return out;
}

DaemonApprover::~DaemonApprover() {
  *alive_ = false;
  if (fd_) loop_.remove(fd_.get());
}

Status DaemonApprover::connect(std::chrono::milliseconds limit) {
  message::Hello hello;
  hello.role = message::Hello::Role::Session;
  hello.session = options_.session;
  auto link = DaemonLink::open(options_.sockets, hello, limit);
  if (!link) return pass(std::move(link));
  fd_ = link->take(frames_);
  unsent_.clear();
  return loop_.add(fd_.get(), EPOLLIN, [this](std::uint32_t events) { on_socket(events); });
}

void DaemonApprover::ask(Question question, AnswerCallback answered) {
  if (!fd_ && !connect(kGreetingMeanwhile)) {
    fd_.reset();
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
  send(ask);
}

void DaemonApprover::cancel(std::uint64_t question) {
  if (waiting_.erase(question) != 0)
    send(message::Cancel{question});
  else if (fallback_)
    fallback_->cancel(question);
}

void DaemonApprover::on_socket(std::uint32_t events) {
  const auto alive = alive_;
  if ((events & EPOLLOUT) != 0) flush();
  if (!fd_ || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return lost("the approval daemon went away");
  frames_.feed({buffer.data(), static_cast<std::size_t>(n)});
  while (fd_) {
    auto payload = frames_.next();
    if (payload && !payload->has_value()) return;
    auto message = payload ? decode(**payload) : Result<Message>(pass(std::move(payload)));
    auto* answer = message ? std::get_if<message::Answered>(&*message) : nullptr;
    if (answer == nullptr) return lost("the approval daemon said what nobody understands");
    auto found = waiting_.find(answer->answer.question);
    if (found == waiting_.end()) continue;  // cancelled meanwhile
    const AnswerCallback callback = std::move(found->second);
    waiting_.erase(found);
    callback(answer->answer);
    if (!*alive) return;
  }
}

void DaemonApprover::send(const Message& message) {
  unsent_ += encode(message);
  if (unsent_.size() <= kMostUnsent) return flush();
  // Not from here: ask() must not call back.
  ::shutdown(fd_.get(), SHUT_RDWR);
}

void DaemonApprover::flush() {
  while (!unsent_.empty()) {
    const ssize_t n = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // a dead connection tells itself by reading
    unsent_.erase(0, static_cast<std::size_t>(n));
  }
  (void)loop_.modify(fd_.get(), unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT).has_value();
}

void DaemonApprover::lost(const std::string& why) {
  loop_.remove(fd_.get());
  fd_.reset();
  frames_ = Frames();
  unsent_.clear();
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
