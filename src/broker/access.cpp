#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/act.h"
#include "broker/arguments.h"
#include "broker/broker.h"

namespace assent::broker {

Outcome Broker::check_access(const CheckAccess& check, const Target& target) const {
  if (!target.exists()) return failed(ENOENT);
  if (target.hidden) return failed(EACCES);
  if (auto code = refused(target)) return failed(EROFS);
  const Pinned pinned = pin(target);
  if (pinned.error != 0) return failed(pinned.error == ESTALE ? ENOENT : pinned.error);
  // Our user and group are the agent's, and neither of us has a capability, so the answer is the agent's.
  if (::syscall(SYS_faccessat2, pinned.fd, "", check.mode, (check.flags & AT_EACCESS) | AT_EMPTY_PATH) != 0)
    return failed(errno);
  return done();
}

}  // namespace assent::broker
