// Routes for the supervisor's relays: whatever carries the mark finds every address on loopback. Without the mark
// nothing leads anywhere, and setting one needs CAP_NET_ADMIN here, which only the supervisor outside has. By hand,
// for nothing may be allocated.
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "assent/relay_mark.h"
#include "launch/inside.h"

namespace assent::launch {

namespace {

constexpr std::uint8_t kTable = 100;
constexpr std::uint32_t kPriority = 100;
constexpr int kLoopback = 1;  // the first device of every namespace

struct Request {
  nlmsghdr head;
  rtmsg body;  // struct fib_rule_hdr has the same shape
  char attributes[64];
};
static_assert(sizeof(rtmsg) == sizeof(fib_rule_hdr));

Request start(std::uint16_t type, std::uint8_t family) {
  Request out{};
  out.head.nlmsg_len = NLMSG_LENGTH(sizeof out.body);
  out.head.nlmsg_type = type;
  out.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
  out.body.rtm_family = family;
  out.body.rtm_table = kTable;
  return out;
}

void add(Request& request, std::uint16_t type, const void* bytes, std::size_t size) {
  auto* out = reinterpret_cast<char*>(&request) + NLMSG_ALIGN(request.head.nlmsg_len);
  const rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(size)), type};
  std::memcpy(out, &head, sizeof head);
  std::memcpy(out + RTA_LENGTH(0), bytes, size);
  request.head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(request.head.nlmsg_len) + RTA_SPACE(size));
}

bool carry_out(int fd, const Request& request) {
  if (::send(fd, &request, request.head.nlmsg_len, 0) < 0) return false;
  struct {
    nlmsghdr head;
    nlmsgerr error;
    char rest[256];
  } answer{};
  const ssize_t size = ::recv(fd, &answer, sizeof answer, 0);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int))) || answer.head.nlmsg_type != NLMSG_ERROR) return false;
  errno = -answer.error.error;
  return answer.error.error == 0;
}

bool lead_home(int fd, std::uint8_t family, std::uint32_t usual_source) {
  Request route = start(RTM_NEWROUTE, family);
  route.body.rtm_protocol = RTPROT_STATIC;
  route.body.rtm_scope = RT_SCOPE_HOST;
  route.body.rtm_type = RTN_LOCAL;
  add(route, RTA_OIF, &kLoopback, sizeof kLoopback);
  if (family == AF_INET) add(route, RTA_PREFSRC, &usual_source, sizeof usual_source);
  Request rule = start(RTM_NEWRULE, family);
  rule.body.rtm_type = FR_ACT_TO_TBL;
  add(rule, FRA_FWMARK, &kRelayMark, sizeof kRelayMark);
  add(rule, FRA_PRIORITY, &kPriority, sizeof kPriority);
  return carry_out(fd, route) && carry_out(fd, rule);
}

}  // namespace

bool add_relay_routes(std::uint32_t usual_source, bool speaks_ipv6) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return false;
  const bool ok = lead_home(fd, AF_INET, htonl(usual_source));
  if (ok && speaks_ipv6) (void)lead_home(fd, AF_INET6, 0);
  ::close(fd);
  return ok;
}

}  // namespace assent::launch
