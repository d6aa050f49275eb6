// pid 1 makes sockets of the inner network for the supervisor, which lives in another. They need no right: whoever has
// one can do with it what the agent can with its own.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "assent/socket_request.h"
#include "launch/inside.h"

namespace assent::launch {

bool make_socket(int maker) {
  SocketRequest request;
  const ssize_t size = ::recv(maker, &request, sizeof request, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (size != static_cast<ssize_t>(sizeof request)) return false;
  const int made = ::socket(request.domain, request.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int code = made >= 0 ? 0 : errno;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof made)] = {};
  iovec part{&code, sizeof code};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (made >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof made);
    std::memcpy(CMSG_DATA(rights), &made, sizeof made);
  }
  const bool sent = ::sendmsg(maker, &header, MSG_NOSIGNAL) >= 0;
  if (made >= 0) ::close(made);
  return sent;
}

}  // namespace assent::launch
