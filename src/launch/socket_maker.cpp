// pid 1 makes sockets of the inner network for the supervisor, which lives in another, and binds the agent's to paths
// of the agent's view, which is not the supervisor's. Neither needs a right: whoever has one can do with it what the
// agent can with its own.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "assent/socket_request.h"
#include "launch/inside.h"

namespace assent::launch {

namespace {

using Pair = std::array<int, 2>;

bool answer(int maker, int code, int made) {
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
  return ::sendmsg(maker, &header, MSG_NOSIGNAL) >= 0;
}

bool make(int maker, const SocketRequest& request) {
  const int made = ::socket(request.domain, request.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool sent = answer(maker, made >= 0 ? 0 : errno, made);
  if (made >= 0) ::close(made);
  return sent;
}

// `given`: the socket and the working directory.
bool bind(int maker, const SocketRequest& request, const Pair& given) {
  const mode_t before = ::umask(request.umask);
  int code = 0;
  if (given[0] < 0 || given[1] < 0) {
    code = EBADF;
  } else if (::fchdir(given[1]) != 0 ||
             ::bind(given[0], reinterpret_cast<const sockaddr*>(&request.address), request.length) != 0) {
    code = errno;
  }
  if (::chdir("/") != 0) ::_exit(1);
  ::umask(before);
  for (const int fd : given) {
    if (fd >= 0) ::close(fd);
  }
  return answer(maker, code, -1);
}

}  // namespace

bool make_socket(int maker) {
  SocketRequest request;
  Pair given{-1, -1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof given)] = {};
  iovec part{&request, sizeof request};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(maker, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  const cmsghdr* item = size > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (item != nullptr && item->cmsg_type == SCM_RIGHTS && item->cmsg_len == CMSG_LEN(sizeof given)) {
    std::memcpy(given.data(), CMSG_DATA(item), sizeof given);
  }
  if (size != static_cast<ssize_t>(sizeof request)) return false;
  switch (request.what) {
    case SocketRequest::What::Make:
      return make(maker, request);
    case SocketRequest::What::Bind:
      return bind(maker, request, given);
  }
  return false;
}

}  // namespace assent::launch
