#include "session/connects.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include "base/start_thread.h"
#include "base/sys.h"
#include "net/agent_socket.h"
#include "notify/near_us.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostOutside = 4096;
constexpr std::size_t kMostThreads = 128;
// How long a call may have been dead, or a handled signal have waited, before its connect is given up.
constexpr auto kLookEvery = 100ms;

std::uint64_t signals_in(std::string_view status, std::string_view field) {
  const auto at = status.find(field);
  if (at == std::string_view::npos) return 0;
  std::string_view digits = status.substr(at + field.size());
  digits.remove_prefix(std::min(digits.size(), digits.find_first_not_of(" \t")));
  std::uint64_t out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
  return out;
}

// While its call waits here, a thread takes no signal but a deadly one. A connect may take minutes, so where a signal
// that the program handles has come, the connect is interrupted as the kernel would have done.
bool signal_waits(pid_t tid) {
  auto status = sys::read_file(AT_FDCWD, fmt::format("/proc/{}/status", tid).c_str());
  if (!status) return false;
  const std::uint64_t pending = signals_in(*status, "\nSigPnd:") | signals_in(*status, "\nShdPnd:");
  return (pending & ~signals_in(*status, "\nSigBlk:") & signals_in(*status, "\nSigCgt:")) != 0;
}

}  // namespace

struct Connects::Inside {
  std::uint64_t call = 0;
  pid_t tid = 0;
  UniqueFd socket;
  sockaddr_storage address{};
  socklen_t length = 0;
  Done done;
  broker::Interrupt interrupt;
  int code = 0;
};

Result<std::unique_ptr<Connects>> Connects::create(EventLoop& loop, StillWaiting still_waiting) {
  auto cookie = net::netns_cookie();
  if (!cookie) return pass(std::move(cookie));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::last_error("eventfd");
  std::unique_ptr<Connects> self(new Connects(loop, std::move(still_waiting), std::move(wake), *cookie));
  auto status = loop.add(self->wake_.get(), EPOLLIN, [raw = self.get()](std::uint32_t) { raw->deliver(); });
  if (!status) return pass(std::move(status));
  return self;
}

Connects::~Connects() {
  loop_.cancel(watch_);
  loop_.remove(wake_.get());
  for (auto& [call, one] : outside_) {
    loop_.remove(one.socket);
    loop_.cancel(one.limit);
  }
  for (auto& [call, one] : inside_) one->interrupt.raise();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  more_.notify_all();
  for (auto& thread : threads_) thread.join();
}

Status Connects::wait(const Call& call, int socket, std::optional<std::chrono::nanoseconds> limit, Done done) {
  if (outside_.size() >= kMostOutside)
    return fail(EAGAIN, "cannot wait for one more connection: too many are under way (EAGAIN)");
  auto status = loop_.add(socket, EPOLLOUT, [this, id = call.id](std::uint32_t) { finish(id, 0); });
  if (!status) return status;
  Outside& one = outside_[call.id];
  one.tid = call.tid;
  one.socket = socket;
  one.done = std::move(done);
  if (limit) one.limit = loop_.after(*limit, [this, id = call.id] { finish(id, EINPROGRESS); });
  watch();
  return {};
}

void Connects::finish(std::uint64_t call, int code) {
  const auto found = outside_.find(call);
  if (found == outside_.end()) return;
  Outside one = std::move(found->second);
  outside_.erase(found);
  loop_.remove(one.socket);
  loop_.cancel(one.limit);
  one.done(code);
}

Status Connects::connect(const Call& call, UniqueFd socket, const sockaddr_storage& address, socklen_t length,
                         Done done) {
  auto one = std::make_shared<Inside>();
  one->call = call.id;
  one->tid = call.tid;
  one->socket = std::move(socket);
  one->address = address;
  one->length = length;
  one->done = std::move(done);
  if (inside_.size() >= kMostThreads)
    return fail(EAGAIN, "cannot wait for one more connect: too many wait already (EAGAIN)");
  inside_[call.id] = one;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(one));
    notify::leave_cpu();
    if (idle_ < queue_.size() && threads_.size() < kMostThreads) {
      auto thread = start_thread([this] { work(); });
      if (!thread) {
        queue_.pop_back();
        inside_.erase(call.id);
        return pass(std::move(thread));
      }
      threads_.push_back(std::move(*thread));
    }
  }
  more_.notify_one();
  watch();
  return {};
}

void Connects::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    more_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    --idle_;
    if (ending_) return;
    const std::shared_ptr<Inside> one = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    {
      const broker::Interrupt::Sleep sleep(one->interrupt);
      const auto* address = reinterpret_cast<const sockaddr*>(&one->address);
      if (!sleep.armed() || one->interrupt.raised()) {
        one->code = EINTR;
      } else if (::connect(one->socket.get(), address, one->length) != 0) {
        one->code = errno;
      }
    }
    lock.lock();
    finished_.push_back(one->call);
    const std::uint64_t more = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &more, sizeof more);
  }
}

void Connects::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::uint64_t> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (const auto call : finished) {
    const auto node = inside_.extract(call);
    if (node.empty()) continue;
    node.mapped()->socket.reset();
    node.mapped()->done(node.mapped()->code);
  }
}

void Connects::watch() {
  if (watch_.number != 0 || waiting() == 0) return;
  watch_ = loop_.after(kLookEvery, [this] {
    watch_ = {};
    look();
    watch();
  });
}

void Connects::look() {
  std::vector<std::uint64_t> over;
  for (const auto& [call, one] : outside_) {
    if (!still_waiting_(call) || signal_waits(one.tid)) over.push_back(call);
  }
  for (const auto call : over) finish(call, EINTR);
  for (const auto& [call, one] : inside_) {
    if (!still_waiting_(call) || signal_waits(one->tid)) one->interrupt.raise();
  }
}

}  // namespace assent::session
