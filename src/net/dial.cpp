#include "net/dial.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "net/socket_options.h"

namespace assent::net {

namespace {

const sockaddr* as_sockaddr(const sockaddr_storage& address) { return reinterpret_cast<const sockaddr*>(&address); }

// A port that the program chose for its own end is kept where the host has it free. An address of the sandbox's means
// nothing outside; from loopback nothing leads out, as the kernel says too.
int keep_own_port(const AgentSocket& pattern, int socket) {
  if (pattern.home == Home::Host) return 0;
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  if (::getsockname(pattern.fd.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0) return 0;
  if (own.ss_family == AF_INET) {
    auto& in = reinterpret_cast<sockaddr_in&>(own);
    if (ntohl(in.sin_addr.s_addr) >> 24 == 127) return EINVAL;
    in.sin_addr.s_addr = INADDR_ANY;
    if (in.sin_port == 0) return 0;
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(own);
    if (IN6_IS_ADDR_LOOPBACK(&in.sin6_addr)) return EINVAL;
    in.sin6_addr = in6addr_any;
    if (in.sin6_port == 0) return 0;
  }
  (void)::bind(socket, as_sockaddr(own), length);
  return 0;
}

}  // namespace

Result<Dial> dial(const Permit&, const AgentSocket& pattern, const Outside& to) {
  Dial out;
  const int family = to.address.ss_family;  // the agent's socket may be of the other one: then it is relayed
  out.socket = UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!out.socket) return sys::last_error("socket");
  carry_options(pattern.fd.get(), out.socket.get(), family == pattern.domain ? family : AF_INET);
  out.error = keep_own_port(pattern, out.socket.get());
  if (out.error == 0 && ::connect(out.socket.get(), as_sockaddr(to.address), to.length) != 0) out.error = errno;
  return out;
}

int settle(int socket, const Outside& to) {
  if (::connect(socket, as_sockaddr(to.address), to.length) == 0 || errno == EISCONN) return 0;
  return errno == EALREADY ? EINPROGRESS : errno;
}

Readiness readiness(int socket) {
  pollfd wait{socket, POLLOUT, 0};
  return ::poll(&wait, 1, 0) == 1 ? Readiness::Settled : Readiness::UnderWay;
}

void make_blocking(int socket) {
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags >= 0) (void)::fcntl(socket, F_SETFL, flags & ~O_NONBLOCK);
}

}  // namespace assent::net
