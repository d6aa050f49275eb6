// link, linkat. The source is the pinned object itself, so no other can be linked; the new name is never replaced.
// One call: done or not done.
#include <fcntl.h>
#include <unistd.h>

#include "broker/act.h"
#include "broker/broker.h"

namespace assent::broker {

Outcome Broker::link(Target& from, Target& to) {
  const Pinned pinned = pin(from);
  if (pinned.error != 0) return not_pinned(pinned);
  // Following the magic link lands on the object; a symbolic link found there is not followed further. AT_EMPTY_PATH
  // would need CAP_DAC_READ_SEARCH.
  if (::linkat(AT_FDCWD, ObjectPath(pinned.fd).c_str(), to.parent->host.get(), to.name.c_str(), AT_SYMLINK_FOLLOW) !=
      0) {
    return failed(errno);
  }
  return done();
}

}  // namespace assent::broker
