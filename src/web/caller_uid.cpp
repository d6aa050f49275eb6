#include "web/caller_uid.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>

#include "assent/unique_fd.h"

namespace assent::web {

namespace {

struct Question {
  nlmsghdr head;
  inet_diag_req_v2 about;
};

// The end at `address`, as one of the two of a connection.
bool put(const sockaddr_storage& address, __be16& port, __be32 (&bytes)[4]) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    port = v4.sin_port;
    bytes[0] = v4.sin_addr.s_addr;
    return true;
  }
  if (address.ss_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  port = v6.sin6_port;
  std::memcpy(bytes, &v6.sin6_addr, sizeof bytes);
  return true;
}

}  // namespace

std::optional<uid_t> uid_of_caller(int socket) {
  sockaddr_storage theirs{}, ours{};
  socklen_t length = sizeof theirs;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&theirs), &length) != 0) return std::nullopt;
  length = sizeof ours;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&ours), &length) != 0) return std::nullopt;

  // The socket whose own end is what we call the other one.
  Question question{};
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.about.sdiag_family = static_cast<__u8>(theirs.ss_family);
  question.about.sdiag_protocol = IPPROTO_TCP;
  question.about.idiag_states = ~0U;
  inet_diag_sockid& id = question.about.id;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (!put(theirs, id.idiag_sport, id.idiag_src) || !put(ours, id.idiag_dport, id.idiag_dst)) return std::nullopt;

  const UniqueFd kernel(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const timeval soon{0, 100'000};
  if (!kernel || ::setsockopt(kernel.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) != 0 ||
      ::send(kernel.get(), &question, sizeof question, 0) != static_cast<ssize_t>(sizeof question))
    return std::nullopt;
  alignas(nlmsghdr) std::array<char, 4096> reply{};
  const ssize_t n = ::recv(kernel.get(), reply.data(), reply.size(), 0);
  nlmsghdr head{};
  inet_diag_msg said{};
  if (n < static_cast<ssize_t>(NLMSG_HDRLEN + sizeof said)) return std::nullopt;
  std::memcpy(&head, reply.data(), sizeof head);
  if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  std::memcpy(&said, reply.data() + NLMSG_HDRLEN, sizeof said);
  return said.idiag_uid;
}

}  // namespace assent::web
