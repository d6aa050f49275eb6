#include "broker/mask.h"

#include <sched.h>
#include <sys/stat.h>

#include <cerrno>

namespace assent::broker {
namespace {

// State of a thread, not of the program: it mirrors what the kernel keeps for this thread.
struct ThreadMask {
  bool own_context = false;
  mode_t current = 0;
};
thread_local ThreadMask thread_mask;

}  // namespace

int adopt_umask(mode_t mask) {
  mask &= 0777;
  if (!thread_mask.own_context) {
    if (::unshare(CLONE_FS) != 0) return errno;
    ::umask(mask);
    thread_mask = {.own_context = true, .current = mask};
  } else if (thread_mask.current != mask) {
    ::umask(mask);
    thread_mask.current = mask;
  }
  return 0;
}

}  // namespace assent::broker
