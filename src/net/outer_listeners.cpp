#include "net/outer_listeners.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "assent/unique_fd.h"

namespace assent::net {

namespace {

template <class T>
T read(const char* at) {
  T out{};
  std::memcpy(&out, at, sizeof out);
  return out;
}

// Of one message: the number of the name's inode, as far as the kernel tells it (32 bits).
bool is_bound_to(const char* message, std::size_t size, std::uint32_t inode) {
  std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(unix_diag_msg));
  while (at + sizeof(nlattr) <= size) {
    const auto head = read<nlattr>(message + at);
    if (head.nla_len < sizeof(nlattr) || at + head.nla_len > size) return false;
    if (head.nla_type == UNIX_DIAG_VFS && head.nla_len >= NLA_HDRLEN + sizeof(unix_diag_vfs) &&
        read<unix_diag_vfs>(message + at + NLA_HDRLEN).udiag_vfs_ino == inode)
      return true;
    at += NLA_ALIGN(head.nla_len);
  }
  return false;
}

}  // namespace

bool belongs_outside(std::uint64_t inode) {
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  struct {
    nlmsghdr head;
    unix_diag_req what;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.what.sdiag_family = AF_UNIX;
  request.what.udiag_states = ~0U;
  request.what.udiag_show = UDIAG_SHOW_VFS;
  if (!fd || ::send(fd.get(), &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request)) return true;
  std::array<char, 32768> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    const auto size = static_cast<std::size_t>(got);
    for (std::size_t at = 0; at + sizeof(nlmsghdr) <= size;) {
      const auto head = read<nlmsghdr>(buffer.data() + at);
      if (head.nlmsg_type == NLMSG_DONE) return false;
      if (head.nlmsg_len < sizeof(nlmsghdr) || at + head.nlmsg_len > size || head.nlmsg_type == NLMSG_ERROR)
        return true;
      if (is_bound_to(buffer.data() + at, head.nlmsg_len, static_cast<std::uint32_t>(inode))) return true;
      at += NLMSG_ALIGN(head.nlmsg_len);
    }
  }
}

}  // namespace assent::net
