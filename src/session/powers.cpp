#include "session/powers.h"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>

#include "base/sys.h"

namespace assent::session {

void prepare_process() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
  ::sigaction(SIGXFSZ, &ignore, nullptr);
}

Status give_up_powers() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return sys::last_error("cannot set no_new_privs");
  const cap_t none = ::cap_init();
  if (none == nullptr) return sys::last_error("cannot allocate capabilities");
  const int dropped = ::cap_set_proc(none);
  const int code = errno;
  ::cap_free(none);
  if (dropped != 0) return fail(code, "cannot give up the supervisor's capabilities");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return sys::last_error("cannot make the supervisor undumpable");
  return {};
}

}  // namespace assent::session
