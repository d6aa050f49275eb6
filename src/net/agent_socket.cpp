#include "net/agent_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/kernel_abi.h"
#include "base/sys.h"

namespace assent::net {

namespace {

template <class T>
bool get(int fd, int level, int name, T& out) {
  socklen_t length = sizeof out;
  return ::getsockopt(fd, level, name, &out, &length) == 0;
}

}  // namespace

bool AgentSocket::is_udp() const {
  return (domain == AF_INET || domain == AF_INET6) && type == SOCK_DGRAM && protocol == IPPROTO_UDP;
}

bool AgentSocket::is_tcp() const {
  return (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM && protocol == IPPROTO_TCP;
}

Result<AgentSocket> look_at(UniqueFd fd, std::uint64_t host_cookie) {
  AgentSocket out;
  if (!get(fd.get(), SOL_SOCKET, SO_DOMAIN, out.domain)) return sys::last_error("getsockopt");
  std::uint64_t cookie = 0;
  struct stat stat {};
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (!get(fd.get(), SOL_SOCKET, SO_TYPE, out.type) || !get(fd.get(), SOL_SOCKET, SO_PROTOCOL, out.protocol) ||
      !get(fd.get(), SOL_SOCKET, abi::kSoNetnsCookie, cookie) || flags < 0 || ::fstat(fd.get(), &stat) != 0) {
    return sys::last_error("getsockopt");
  }
  out.non_blocking = (flags & O_NONBLOCK) != 0;
  out.home = cookie == host_cookie ? Home::Host : Home::Sandbox;
  out.inode = stat.st_ino;
  out.fd = std::move(fd);
  return out;
}

Result<std::uint64_t> netns_cookie() {
  const UniqueFd any(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!any) return sys::last_error("socket");
  std::uint64_t cookie = 0;
  if (!get(any.get(), SOL_SOCKET, abi::kSoNetnsCookie, cookie))
    return fail(EPERM,
                "cannot tell network namespaces apart: the kernel lacks SO_NETNS_COOKIE (EPERM); Linux 5.14 has it");
  return cookie;
}

int tcp_state(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_state : 0;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) != 0) return 0;
  if (own.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(own).sin_port);
  return own.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(own).sin6_port) : std::uint16_t{0};
}

std::uint64_t socket_cookie(int fd) {
  std::uint64_t out = 0;
  return get(fd, SOL_SOCKET, SO_COOKIE, out) ? out : 0;
}

bool is_marked(int fd) {
  std::uint32_t mark = 0;
  return get(fd, SOL_SOCKET, SO_MARK, mark) && mark != 0;
}

int take_error(int fd) {
  int code = 0;
  return get(fd, SOL_SOCKET, SO_ERROR, code) ? code : errno;
}

}  // namespace assent::net
