// AgentSocket: a duplicate of a socket of the agent's, and what the kernel says of it. What is done to the duplicate is
// done to the agent's socket: both are one open file.
#pragma once

#include <cstdint>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::net {

enum class Home {
  Sandbox,  // of the agent's own network namespace, in which there is nobody else
  Host,     // of ours: a connection that was allowed and placed there by us
};

struct AgentSocket {
  UniqueFd fd;
  int domain = 0;  // AF_*
  int type = 0;    // SOCK_STREAM …
  int protocol = 0;
  bool non_blocking = false;
  Home home = Home::Sandbox;
  std::uint64_t inode = 0;

  [[nodiscard]] bool is_tcp() const;
  [[nodiscard]] bool is_udp() const;
};

// ENOTSOCK; EBADF for an O_PATH descriptor. `host_cookie`: SO_NETNS_COOKIE of our own network namespace.
Result<AgentSocket> look_at(UniqueFd fd, std::uint64_t host_cookie);

// Of the calling thread's network namespace. EPERM where the kernel cannot tell (before Linux 5.14): then a socket of
// the host could not be told from the agent's own, and nothing may be connected.
Result<std::uint64_t> netns_cookie();

// The state of a TCP socket, as in TCP_ESTABLISHED …; 0 where it cannot be told.
int tcp_state(int fd);
// The port that an internet socket has for its own; 0: none.
std::uint16_t port_of(int fd);
// SO_COOKIE: of this socket and never of another, for as long as the machine runs; 0 for what is none.
std::uint64_t socket_cookie(int fd);
// Whether it was prepared for a relay (mark, in inner_sockets.h).
bool is_marked(int fd);
// SO_ERROR, which asking for takes away.
int take_error(int fd);

}  // namespace assent::net
