#include "broker/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace assent::broker {
namespace {

int wake_signal() { return SIGRTMIN + 3; }
void do_nothing(int) {}

}  // namespace

Interrupt::Interrupt() {
  // No SA_RESTART: the point is that the call ends with EINTR.
  struct sigaction action {};
  action.sa_handler = do_nothing;
  ::sigaction(wake_signal(), &action, nullptr);
}

void Interrupt::raise() {
  raised_ = true;
  const std::lock_guard lock(mutex_);
  if (armed_) start_timer();
}

void Interrupt::start_timer() {
  const itimerspec every{.it_interval = {0, 1'000'000}, .it_value = {0, 1}};
  ::timer_settime(timer_, 0, &every, nullptr);
}

Interrupt::Sleep::Sleep(Interrupt& interrupt) : interrupt_(interrupt) {
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, wake_signal());
  ::pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);

  struct sigevent event {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = wake_signal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  const std::lock_guard lock(interrupt_.mutex_);
  if (::timer_create(CLOCK_MONOTONIC, &event, &interrupt_.timer_) != 0) return;
  interrupt_.armed_ = true;
  if (interrupt_.raised_) interrupt_.start_timer();
}

Interrupt::Sleep::~Sleep() {
  const std::lock_guard lock(interrupt_.mutex_);
  if (!interrupt_.armed_) return;
  ::timer_delete(interrupt_.timer_);
  interrupt_.armed_ = false;
}

}  // namespace assent::broker
