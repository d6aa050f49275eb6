#include "base/stand_in.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>

#include "base/start_thread.h"
#include "base/sys.h"

namespace assent {

namespace {

using namespace std::chrono_literals;

// A signal can arrive just before the call and be lost; then another one follows.
constexpr auto kAgainAfter = 1ms;

int wake_signal() { return SIGRTMIN + 5; }
void do_nothing(int) {}

}  // namespace

Result<std::unique_ptr<StandIn>> StandIn::start(int fd) {
  UniqueFd end(::eventfd(0, EFD_CLOEXEC));
  if (!end) return sys::last_error("eventfd");
  // No SA_RESTART: the point is that a call ends with EINTR.
  struct sigaction action {};
  action.sa_handler = do_nothing;
  ::sigaction(wake_signal(), &action, nullptr);

  std::unique_ptr<StandIn> self(new StandIn(fd, static_cast<pid_t>(::syscall(SYS_gettid)), std::move(end)));
  // Signals are the other threads'.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto thread = start_thread([raw = self.get()] { raw->run(); });
  sigdelset(&before, wake_signal());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread) return pass(std::move(thread));
  self->thread_ = std::move(*thread);
  return self;
}

StandIn::~StandIn() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  change_.notify_all();
  const std::uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void StandIn::watch() {
  {
    const std::lock_guard lock(mutex_);
    watching_ = true;
  }
  change_.notify_one();
}

void StandIn::taken() {
  {
    const std::lock_guard lock(mutex_);
    came_ = false;
    watching_ = false;
  }
  change_.notify_one();
}

// Said before it is looked whether something came, and run() the other way round: one of the two sees the other.
bool StandIn::enter() {
  place_ = Place::Sleeping;
  if (!came_) return true;
  leave();
  return false;
}

void StandIn::leave() {
  if (place_.exchange(Place::Away) != Place::Interrupted) return;
  { const std::lock_guard lock(mutex_); }  // the signal has been sent by now,
  ::syscall(SYS_getppid);                  // and arrives here, if it has not yet
}

void StandIn::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    change_.wait(lock, [this] { return watching_ || ending_; });
    if (ending_) return;
    lock.unlock();
    std::array<pollfd, 2> ready{{{fd_, POLLIN, 0}, {end_.get(), POLLIN, 0}}};
    const int n = ::poll(ready.data(), ready.size(), -1);
    lock.lock();
    if (n <= 0 || !watching_) continue;
    came_ = true;
    while (came_ && !ending_) {
      Place expected = Place::Sleeping;
      place_.compare_exchange_strong(expected, Place::Interrupted);
      if (place_ == Place::Interrupted) {
        ::syscall(SYS_tgkill, ::getpid(), sleeper_, wake_signal());
        change_.wait_for(lock, kAgainAfter);
      } else {
        change_.wait(lock);  // it is away and sees for itself what came
      }
    }
  }
}

}  // namespace assent
