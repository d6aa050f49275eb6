// NearUs: while it lives, a waiting thread can only be woken on the CPU that we run on. Placing a descriptor makes the
// caller run in the middle of its wait, and SYNC_WAKE_UP does not cover that wake: left alone, the scheduler picks an
// idle CPU, and waking that one costs more than everything else about the call. The thread's own affinity is put back.
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
  bool ours_ = false;
  cpu_set_t our_before_;
};

}  // namespace assent::notify
