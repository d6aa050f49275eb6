#include "notify/near_us.h"

namespace assent::notify {

NearUs::NearUs(pid_t tid) {
  if (tid <= 0) return;
  const int here = ::sched_getcpu();
  if (here < 0 || ::sched_getaffinity(tid, sizeof before_, &before_) != 0 || !CPU_ISSET(here, &before_)) return;
  if (CPU_COUNT(&before_) == 1) return;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(here, &only);
  if (::sched_setaffinity(tid, sizeof only, &only) != 0) return;
  tid_ = tid;
  // And the caller wakes us in turn, when it has taken the descriptor.
  ours_ =
      ::sched_getaffinity(0, sizeof our_before_, &our_before_) == 0 && ::sched_setaffinity(0, sizeof only, &only) == 0;
}

NearUs::~NearUs() {
  if (ours_) ::sched_setaffinity(0, sizeof our_before_, &our_before_);
  if (tid_ > 0) ::sched_setaffinity(tid_, sizeof before_, &before_);
}

}  // namespace assent::notify
