#include "net/publish.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "base/sys.h"

namespace assent::net {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;  // a full backlog inside
constexpr int kBacklog = 512;

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

SocketAddress address_of(const std::string& host, std::uint16_t port) {
  SocketAddress out;
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&out.bytes, &v4, sizeof v4);
    out.length = sizeof v4;
    return out;
  }
  sockaddr_in6 v6{};
  ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&out.bytes, &v6, sizeof v6);
  out.length = sizeof v6;
  return out;
}

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code != std::errc() || end != text.data() + text.size() || out == 0) return std::nullopt;
  return out;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Only while it listens: listening again is then not hindered by connections that are still there, and a place that is
// only held is held against everybody.
void share_address(int fd, int on) { ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); }

bool is_loopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

Result<PublishPlace> parse_publish(std::string_view text) {
  PublishPlace out;
  const std::string_view whole = text;
  const auto first_end = text.starts_with('[') ? text.find(']') : text.find(':');
  const std::string_view first = text.substr(0, first_end);
  if (!is_number(first)) {
    if (first_end == std::string_view::npos) return fail(EINVAL, "it is not [HOST:]PORT[:INNER]");
    const bool bracketed = text.starts_with('[');
    out.host = std::string(bracketed ? first.substr(1) : first);
    if (out.host == "localhost") out.host = "127.0.0.1";
    text.remove_prefix(first_end + (bracketed ? 1 : 0));
    if (!text.starts_with(':')) return fail(EINVAL, "it is not [HOST:]PORT[:INNER]");
    text.remove_prefix(1);
    if (!is_loopback(out.host))
      return fail(EINVAL,
                  "the host is not an address of loopback; only 127.0.0.0/8, [::1] and localhost can be published on");
  }
  const auto colon = text.find(':');
  const auto port = port_in(text.substr(0, colon));
  const auto inner = colon == std::string_view::npos ? port : port_in(text.substr(colon + 1));
  if (!port || !inner || whole.empty()) return fail(EINVAL, "a port is a number from 1 to 65535");
  out.port = *port;
  out.inner = *inner;
  return out;
}

std::string to_string(const PublishPlace& place) {
  const bool v6 = place.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", place.host, v6 ? "]" : "", place.port);
}

Result<UniqueFd> hold_place(const PublishPlace& place) {
  const auto address = address_of(place.host, place.port);
  UniqueFd fd(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  // First without SO_REUSEADDR: two that only hold a place, and do not listen yet, would both be given it.
  bool held = fd && ::bind(fd.get(), address.get(), address.length) == 0;
  if (fd && !held && errno == EADDRINUSE) {
    // It may be a connection that has only just ended. Who listens there, is told by listening.
    share_address(fd.get(), 1);
    held = ::bind(fd.get(), address.get(), address.length) == 0 && ::listen(fd.get(), kBacklog) == 0;
    if (held) {
      ::shutdown(fd.get(), SHUT_RD);
      share_address(fd.get(), 0);
    }
  }
  if (held) return fd;
  const int code = errno;
  const char* next = code == EADDRINUSE ? "stop what listens there, or publish another port"
                     : code == EACCES   ? "publish a port above 1023"
                                        : "publish at another address";
  return fail(code, fmt::format("cannot publish at {}: {} ({}); {}", to_string(place), ::strerrordesc_np(code),
                                ::strerrorname_np(code), next));
}

struct Publisher::Call {
  UniqueFd outer;
  UniqueFd inner;
  EventLoop::TimerId patience;
  std::uint64_t epoch = 0;
  bool by_ipv6 = false;
};

Publisher::Publisher(EventLoop& loop, InnerSockets& inner_sockets, PublishPlace place, UniqueFd held)
    : loop_(loop), inner_sockets_(inner_sockets), place_(std::move(place)), held_(std::move(held)) {}

Publisher::~Publisher() {
  if (listening_) loop_.remove(held_.get());
  for (auto& [socket, call] : calls_) {
    loop_.remove(socket);
    loop_.cancel(call->patience);
  }
}

void Publisher::listens_inside(std::uint16_t port) {
  if (port != place_.inner) return;
  ++epoch_;
  if (listening_) return;
  share_address(held_.get(), 1);
  if (::listen(held_.get(), kBacklog) != 0) return;
  listening_ = loop_.add(held_.get(), EPOLLIN, [this](std::uint32_t) { on_caller(); }).has_value();
}

// The port stays ours: a socket that was bound by number stays bound.
void Publisher::stop_listening() {
  if (!std::exchange(listening_, false)) return;
  loop_.remove(held_.get());
  ::shutdown(held_.get(), SHUT_RD);
  share_address(held_.get(), 0);
}

void Publisher::on_caller() {
  auto one = std::make_unique<Call>();
  one->outer.reset(::accept4(held_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!one->outer) return;
  if (connections() >= kMostConnections) return close_with_reset(std::move(one->outer));
  one->epoch = epoch_;
  call(std::move(one));
}

void Publisher::call(std::unique_ptr<Call> one) {
  auto inner = inner_sockets_.make(one->by_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM);
  if (!inner) return close_with_reset(std::move(one->outer));
  const auto address = address_of(one->by_ipv6 ? "::1" : "127.0.0.1", place_.inner);
  one->inner = std::move(*inner);
  const int socket = one->inner.get();
  if (::connect(socket, address.get(), address.length) != 0 && errno != EINPROGRESS) {
    if (errno == ECONNREFUSED) return refused(std::move(one));
    return close_with_reset(std::move(one->outer));
  }
  if (!loop_.add(socket, EPOLLOUT, [this, socket](std::uint32_t) { answered(socket); }))
    return close_with_reset(std::move(one->outer));
  one->patience = loop_.after(kPatience, [this, socket] { answered(socket); });
  calls_[socket] = std::move(one);
}

void Publisher::answered(int socket) {
  auto node = calls_.extract(socket);
  if (node.empty()) return;
  auto one = std::move(node.mapped());
  loop_.remove(socket);
  loop_.cancel(one->patience);
  int code = 0;
  socklen_t length = sizeof code;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length);
  sockaddr_storage peer{};
  length = sizeof peer;
  if (code == 0 && ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) != 0) code = ETIMEDOUT;
  if (code == 0) return carry(std::move(one->outer), std::move(one->inner));
  if (code == ECONNREFUSED) return refused(std::move(one));
  close_with_reset(std::move(one->outer));
}

void Publisher::refused(std::unique_ptr<Call> one) {
  one->inner.reset();
  if (!one->by_ipv6) {
    one->by_ipv6 = true;
    return call(std::move(one));
  }
  // Nobody listens any more, unless somebody has begun to since.
  if (one->epoch == epoch_) stop_listening();
  close_with_reset(std::move(one->outer));
}

void Publisher::carry(UniqueFd outer, UniqueFd inner) {
  const std::uint64_t id = next_pump_++;
  auto pump =
      std::make_unique<Pump>(loop_, std::move(outer), std::move(inner), nullptr, [this, id] { pumps_.erase(id); });
  Pump& started = *pump;
  pumps_[id] = std::move(pump);
  if (!started.start()) started.reset();
}

}  // namespace assent::net
