#include "assentd/peer.h"

#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "assent/unique_fd.h"
#include "base/kernel_abi.h"
#include "base/sys.h"

namespace assent::assentd {

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return sys::last_error("getsockopt");
  // A process id that this namespace does not know: a container's, or an agent's of a nested one.
  if (credentials.pid <= 0) return fail(EPERM, "a process of another pid namespace may not speak here");
  int number = -1;
  length = sizeof number;
  UniqueFd pidfd;
  if (::getsockopt(socket, SOL_SOCKET, abi::kSoPeerPidfd, &number, &length) == 0) pidfd = UniqueFd(number);

  // The map of a user namespace, as we see it: the same text in ours, another one in every other that users can make.
  // The link /proc/PID/ns/user would say it plainly, but not of a process that is not dumpable.
  auto ours = sys::read_file(AT_FDCWD, "/proc/self/uid_map");
  auto theirs = sys::read_file(AT_FDCWD, fmt::format("/proc/{}/uid_map", credentials.pid).c_str());
  if (!ours || !theirs || *ours != *theirs)
    return fail(EPERM, "a process of another user namespace, as an agent's is, may not speak here");
  // That process id was theirs when we looked, and not already somebody else's.
  if (pidfd) {
    pollfd gone{pidfd.get(), POLLIN, 0};
    if (::poll(&gone, 1, 0) != 0) return fail(EPERM, "the process that connected is gone");
  }
  return Peer{approve::person_of(credentials.uid, credentials.gid), credentials.pid, credentials.gid};
}

}  // namespace assent::assentd
