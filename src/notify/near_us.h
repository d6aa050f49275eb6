// NearUs: while it lives, a waiting thread can only be woken on the CPU that we run on. Placing a descriptor makes the
// caller run in the middle of its wait, and SYNC_WAKE_UP does not cover that wake: left alone, the scheduler picks an
// idle CPU, and waking that one costs more than everything else about the call. The thread's own affinity is put back.
//
// The caller wakes us in turn when it has taken the descriptor, so we are kept on that CPU as well. Changing the CPUs
// of a thread that runs costs microseconds, so we stay there for as long as the calls come from the same thread, and
// until leave_cpu() is asked for: by the next call of another thread, by the session when it has a moment, and before a
// thread or a program is started that would inherit it.
#pragma once

#include <sched.h>
#include <sys/types.h>

namespace assent::notify {

class NearUs {
 public:
  // 0: no thread, nothing is done. Nothing is done either where the thread may not run on our CPU.
  explicit NearUs(pid_t tid);
  ~NearUs();
  NearUs(const NearUs&) = delete;
  NearUs& operator=(const NearUs&) = delete;

 private:
  pid_t tid_ = 0;  // 0: nothing to put back
  cpu_set_t before_;
};

// The calling thread may run where it might before. Costs nothing where it may already.
void leave_cpu();
// The same unless it stays for `tid`.
void leave_cpu_unless_for(pid_t tid);

}  // namespace assent::notify
