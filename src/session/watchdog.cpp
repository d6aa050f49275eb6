#include "session/watchdog.h"

#include <signal.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/start_thread.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 1s;

int wake_signal() { return SIGRTMIN + 4; }
void do_nothing(int) {}

}  // namespace

Result<std::unique_ptr<Watchdog>> Watchdog::start(const EventLoop& loop) {
  // No SA_RESTART: the point is that a call ends with EINTR.
  struct sigaction action {};
  action.sa_handler = do_nothing;
  ::sigaction(wake_signal(), &action, nullptr);
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, wake_signal());
  ::pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);

  std::unique_ptr<Watchdog> self(new Watchdog(loop));
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto thread = start_thread([raw = self.get()] { raw->watch(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread) return pass(std::move(thread));
  self->thread_ = std::move(*thread);
  return self;
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::watch() {
  std::uint32_t last = 0;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookEvery, [this] { return ending_; })) {
    const std::uint32_t now = loop_.turn();
    if (now == last && EventLoop::is_busy(now)) ::pthread_kill(watched_, wake_signal());
    last = now;
  }
}

}  // namespace assent::session
