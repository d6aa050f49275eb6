#include "approve/pty.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/sys.h"

namespace assent::approve {

Result<Pty> Pty::open() {
  Pty pty;
  pty.master.reset(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!pty.master) return sys::last_error("open /dev/ptmx");
  int unlock = 0;
  if (::ioctl(pty.master.get(), TIOCSPTLCK, &unlock) != 0) return sys::last_error("ioctl TIOCSPTLCK");
  // By descriptor, not by name: /dev/pts here need not be the instance that ptmx belongs to.
  pty.slave.reset(::ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pty.slave) return sys::last_error("ioctl TIOCGPTPEER");
  return pty;
}

}  // namespace assent::approve
