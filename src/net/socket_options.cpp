#include "net/socket_options.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>

#include "base/kernel_abi.h"

namespace assent::net {

namespace {

// `usual`: of a new socket, whatever the sysctls of its namespace are. Where they differ, a value that equals the
// sandbox's default is carried over; only values nobody could have set (below) are not.
struct Number {
  int level;
  int name;
  int usual;
};

constexpr std::array kNumbers{
    Number{SOL_SOCKET, SO_KEEPALIVE, 0},
    Number{SOL_SOCKET, SO_REUSEADDR, 0},
    Number{SOL_SOCKET, SO_OOBINLINE, 0},
    Number{SOL_SOCKET, SO_RCVLOWAT, 1},
    Number{SOL_SOCKET, SO_PRIORITY, 0},
    Number{SOL_SOCKET, SO_TIMESTAMP, 0},
    Number{SOL_SOCKET, SO_ZEROCOPY, 0},
    Number{IPPROTO_TCP, TCP_NODELAY, 0},
    Number{IPPROTO_TCP, TCP_CORK, 0},
    Number{IPPROTO_TCP, TCP_KEEPIDLE, 7200},
    Number{IPPROTO_TCP, TCP_KEEPINTVL, 75},
    Number{IPPROTO_TCP, TCP_KEEPCNT, 9},
    Number{IPPROTO_TCP, TCP_SYNCNT, 6},
    Number{IPPROTO_TCP, TCP_LINGER2, 60},
    Number{IPPROTO_TCP, TCP_USER_TIMEOUT, 0},
    Number{IPPROTO_TCP, TCP_WINDOW_CLAMP, 0},
    Number{IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0},
    Number{IPPROTO_IP, IP_TOS, 0},
    Number{IPPROTO_IP, IP_TTL, 64},
    Number{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT},
    Number{IPPROTO_IP, IP_RECVERR, 0},
};
constexpr std::array kNumbers6{
    Number{IPPROTO_IPV6, IPV6_V6ONLY, 0},        Number{IPPROTO_IPV6, IPV6_TCLASS, 0},
    Number{IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64}, Number{IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT},
    Number{IPPROTO_IPV6, IPV6_RECVERR, 0},
};

void carry(const Number& option, int from, int to) {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(from, option.level, option.name, &value, &length) != 0 || value == option.usual) return;
  (void)::setsockopt(to, option.level, option.name, &value, sizeof value);
}

template <class T>
void carry_value(int level, int name, int from, int to) {
  T value{};
  socklen_t length = sizeof value;
  const T usual{};
  if (::getsockopt(from, level, name, &value, &length) != 0 || __builtin_memcmp(&value, &usual, sizeof value) == 0)
    return;
  (void)::setsockopt(to, level, name, &value, length);
}

// The kernel doubles what it is given, and tells the doubled number.
void carry_buffer(int name, int from, int to) {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(from, SOL_SOCKET, name, &value, &length) != 0) return;
  value /= 2;
  (void)::setsockopt(to, SOL_SOCKET, name, &value, sizeof value);
}

void carry_congestion(int from, int to) {
  std::array<char, 16> theirs{};
  std::array<char, 16> ours{};
  socklen_t length = theirs.size();
  if (::getsockopt(from, IPPROTO_TCP, TCP_CONGESTION, theirs.data(), &length) != 0) return;
  length = ours.size();
  if (::getsockopt(to, IPPROTO_TCP, TCP_CONGESTION, ours.data(), &length) == 0 && ours == theirs) return;
  // The sandbox's namespace inherits its default from the machine's first one, so this is a choice of the program's.
  (void)::setsockopt(to, IPPROTO_TCP, TCP_CONGESTION, theirs.data(), static_cast<socklen_t>(theirs.size()));
}

}  // namespace

void carry_options(int from, int to, int domain) {
  for (const Number& option : kNumbers) carry(option, from, to);
  if (domain == AF_INET6) {
    for (const Number& option : kNumbers6) carry(option, from, to);
  }
  carry_value<linger>(SOL_SOCKET, SO_LINGER, from, to);
  carry_value<timeval>(SOL_SOCKET, SO_RCVTIMEO, from, to);
  carry_value<timeval>(SOL_SOCKET, SO_SNDTIMEO, from, to);
  int locked = 0;
  socklen_t length = sizeof locked;
  if (::getsockopt(from, SOL_SOCKET, abi::kSoBufLock, &locked, &length) == 0) {
    if ((locked & abi::kSockSndbufLock) != 0) carry_buffer(SO_SNDBUF, from, to);
    if ((locked & abi::kSockRcvbufLock) != 0) carry_buffer(SO_RCVBUF, from, to);
  }
  carry_congestion(from, to);
}

}  // namespace assent::net
