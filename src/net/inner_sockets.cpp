#include "net/inner_sockets.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "assent/relay_mark.h"
#include "assent/socket_request.h"
#include "base/sys.h"

namespace assent::net {

namespace {

constexpr int kPatience = 2000;  // ms
#ifndef IPV6_TRANSPARENT
constexpr int IPV6_TRANSPARENT = 75;
#endif

}  // namespace

Result<UniqueFd> InnerSockets::make(int domain, int type) {
  const std::lock_guard lock(mutex_);
  if (!maker_) return fail(ENOTCONN, "cannot make a socket inside: the sandbox does not answer (ENOTCONN)");
  const SocketRequest request{domain, type};
  pollfd wait{maker_.get(), POLLIN, 0};
  if (::send(maker_.get(), &request, sizeof request, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof request) ||
      ::poll(&wait, 1, kPatience) != 1) {
    maker_.reset();  // a late answer would be taken for another
    return fail(ENOTCONN, "cannot make a socket inside: the sandbox does not answer (ENOTCONN)");
  }
  int code = 0;
  UniqueFd made;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{&code, sizeof code};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(maker_.get(), &header, MSG_CMSG_CLOEXEC);
  if (size != static_cast<ssize_t>(sizeof code)) {
    maker_.reset();
    return fail(ENOTCONN, "cannot make a socket inside: the sandbox does not answer (ENOTCONN)");
  }
  const cmsghdr* item = CMSG_FIRSTHDR(&header);
  if (item != nullptr && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    made.reset(fd);
  }
  if (!made) return fail(code != 0 ? code : EMFILE, "cannot make a socket inside");
  return made;
}

Result<UniqueFd> InnerSockets::make_marked(int domain, int type) {
  auto made = make(domain, type);
  if (!made) return made;
  if (auto status = mark(made->get(), domain); !status) return pass(std::move(status));
  return made;
}

Status mark(int socket, int domain) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_MARK, &kRelayMark, sizeof kRelayMark) != 0 ||
      (domain == AF_INET6 && ::setsockopt(socket, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on) != 0) ||
      ::setsockopt(socket, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) != 0)
    return sys::last_error("setsockopt");
  return {};
}

}  // namespace assent::net
