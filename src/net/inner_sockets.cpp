#include "net/inner_sockets.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "assent/relay_mark.h"
#include "base/sys.h"

namespace assent::net {

namespace {

constexpr int kPatience = 2000;  // ms
#ifndef IPV6_TRANSPARENT
constexpr int IPV6_TRANSPARENT = 75;
#endif

}  // namespace

std::optional<int> InnerSockets::ask(const SocketRequest& request, const int* given, UniqueFd* made) {
  const std::lock_guard lock(mutex_);
  if (!maker_) return std::nullopt;
  SocketRequest copy = request;
  alignas(cmsghdr) char sent[CMSG_SPACE(2 * sizeof(int))] = {};
  iovec out{&copy, sizeof copy};
  msghdr asking{};
  asking.msg_iov = &out;
  asking.msg_iovlen = 1;
  if (given != nullptr) {
    asking.msg_control = sent;
    asking.msg_controllen = sizeof sent;
    cmsghdr* rights = CMSG_FIRSTHDR(&asking);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
    std::memcpy(CMSG_DATA(rights), given, 2 * sizeof(int));
  }
  pollfd wait{maker_.get(), POLLIN, 0};
  if (::sendmsg(maker_.get(), &asking, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof copy) ||
      ::poll(&wait, 1, kPatience) != 1) {
    maker_.reset();  // a late answer would be taken for another
    return std::nullopt;
  }
  int code = 0;
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
    return std::nullopt;
  }
  const cmsghdr* item = CMSG_FIRSTHDR(&header);
  if (made != nullptr && item != nullptr && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
    made->reset(fd);
  }
  return code;
}

Result<UniqueFd> InnerSockets::make(int domain, int type) {
  SocketRequest request;
  request.domain = domain;
  request.type = type;
  UniqueFd made;
  const auto code = ask(request, nullptr, &made);
  if (!code) return fail(ENOTCONN, "cannot make a socket inside: the sandbox does not answer (ENOTCONN)");
  if (!made) return fail(*code != 0 ? *code : EMFILE, "cannot make a socket inside");
  return made;
}

int InnerSockets::bind(int socket, std::string_view path, int working_directory, mode_t umask) {
  SocketRequest request;
  request.what = SocketRequest::What::Bind;
  request.umask = umask;
  request.address.sun_family = AF_UNIX;
  if (path.size() > sizeof request.address.sun_path) return EINVAL;
  path.copy(request.address.sun_path, path.size());
  const std::size_t end = path.size() < sizeof request.address.sun_path ? 1 : 0;
  request.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + end);
  const int given[2] = {socket, working_directory};
  return ask(request, given, nullptr).value_or(EPERM);
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
