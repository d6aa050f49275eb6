#include "notify/near_us.h"

namespace assent::notify {
namespace {

// State of a thread, not of the program: it mirrors what the kernel keeps for this thread.
struct Staying {
  pid_t tid = 0;  // for whose sake; 0: we may run anywhere
  int cpu = -1;
  cpu_set_t before;
};
thread_local Staying staying;

void stay(int cpu, const cpu_set_t& only, pid_t tid) {
  if (staying.tid != 0 && staying.cpu == cpu) {
    staying.tid = tid;
    return;
  }
  leave_cpu();
  if (::sched_getaffinity(0, sizeof staying.before, &staying.before) != 0) return;
  if (::sched_setaffinity(0, sizeof only, &only) != 0) return;
  staying.tid = tid;
  staying.cpu = cpu;
}

}  // namespace

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
  stay(here, only, tid);
}

NearUs::~NearUs() {
  if (tid_ > 0) ::sched_setaffinity(tid_, sizeof before_, &before_);
}

void leave_cpu() {
  if (staying.tid == 0) return;
  ::sched_setaffinity(0, sizeof staying.before, &staying.before);
  staying.tid = 0;
}

void leave_cpu_unless_for(pid_t tid) {
  if (staying.tid != tid) leave_cpu();
}

}  // namespace assent::notify
