#include "net/join.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "base/sys.h"

namespace assent::net {

namespace {

// Inside everything is done by the time connect returns, unless the machine has other things to do first.
constexpr int kPatience = 500;  // ms

struct Name {
  sockaddr_storage bytes{};
  socklen_t length = sizeof bytes;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
};

bool same(const Name& a, const Name& b) {
  return a.length == b.length && std::memcmp(&a.bytes, &b.bytes, a.length) == 0;
}

void set_port(Name& name, std::uint16_t port) {
  if (name.bytes.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in&>(name.bytes).sin_port = htons(port);
  else
    reinterpret_cast<sockaddr_in6&>(name.bytes).sin6_port = htons(port);
}

bool is_any(const Name& name) {
  if (name.bytes.ss_family == AF_INET)
    return reinterpret_cast<const sockaddr_in&>(name.bytes).sin_addr.s_addr == INADDR_ANY;
  const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(name.bytes).sin6_addr;
  return IN6_IS_ADDR_UNSPECIFIED(&address);
}

// The address of the far side, inside.
Status take_place(int socket, const Outside& to) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&to.address), to.length) == 0) return {};
  return fail(errno, fmt::format("cannot relay datagrams to {}: a server inside has port {} for every address ({}); "
                                 "let it listen on 127.0.0.1",
                                 to.text, to.port, ::strerrorname_np(errno)));
}

// A socket that sends without having a name gets the port that the far side sees, and no address, as ever.
void lend_port(const AgentSocket& own, int outer) {
  if (port_of(own.fd.get()) != 0) return;
  Name name;
  name.bytes.ss_family = static_cast<sa_family_t>(own.domain);
  name.length = own.domain == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  set_port(name, port_of(outer));
  if (::bind(own.fd.get(), name.get(), name.length) == 0) return;
  set_port(name, 0);
  (void)::bind(own.fd.get(), name.get(), name.length);
}

bool becomes(int fd, short what) {
  pollfd wait{fd, what, 0};
  return ::poll(&wait, 1, kPatience) == 1;
}

// For as long as it lives the socket does not wait, whatever the agent wants of it.
class NotWaiting {
 public:
  explicit NotWaiting(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) { ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK); }
  ~NotWaiting() { ::fcntl(fd_, F_SETFL, flags_); }
  NotWaiting(const NotWaiting&) = delete;
  NotWaiting& operator=(const NotWaiting&) = delete;

 private:
  int fd_;
  int flags_;
};

}  // namespace

void lend_address(const AgentSocket& own, int outer) {
  Name name;
  if (port_of(own.fd.get()) != 0 || ::getsockname(outer, name.get(), &name.length) != 0) return;
  if (::bind(own.fd.get(), name.get(), name.length) == 0) return;
  set_port(name, 0);
  (void)::bind(own.fd.get(), name.get(), name.length);  // else it gets the sandbox's own address
}

Result<UniqueFd> join(InnerSockets& sockets, const AgentSocket& own, const Outside& to, int outer) {
  const auto* address = reinterpret_cast<const sockaddr*>(&to.address);
  auto waiting = sockets.make_marked(own.domain, SOCK_STREAM);
  if (!waiting) return waiting;
  const int on = 1;
  ::setsockopt(waiting->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(waiting->get(), address, to.length) != 0 || ::listen(waiting->get(), 1) != 0) {
    return fail(errno,
                fmt::format("cannot relay a connection to {}: a server inside has port {} for every address ({}); "
                            "let it listen on 127.0.0.1",
                            to.text, to.port, ::strerrorname_np(errno)));
  }
  if (auto status = mark(own.fd.get(), own.domain); !status) return pass(std::move(status));
  lend_address(own, outer);
  const NotWaiting while_it_lives(own.fd.get());
  if (::connect(own.fd.get(), address, to.length) != 0 && errno != EINPROGRESS) return sys::last_error("connect");
  Name mine;
  if (::getsockname(own.fd.get(), mine.get(), &mine.length) != 0) return sys::last_error("getsockname");
  while (becomes(waiting->get(), POLLIN)) {
    Name caller;
    UniqueFd inner(::accept4(waiting->get(), caller.get(), &caller.length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (inner && same(caller, mine) && becomes(own.fd.get(), POLLOUT)) return inner;
  }
  return fail(ETIMEDOUT, "cannot relay a connection: the sandbox's network does not answer (ETIMEDOUT)");
}

Result<UniqueFd> join_datagrams(InnerSockets& sockets, const AgentSocket& own, const Outside& to, int outer) {
  auto ours = sockets.make_marked(own.domain, SOCK_DGRAM);
  if (!ours) return ours;
  if (auto status = take_place(ours->get(), to); !status) return pass(std::move(status));
  if (auto status = mark(own.fd.get(), own.domain); !status) return pass(std::move(status));
  lend_address(own, outer);
  Name mine;
  if (::connect(own.fd.get(), reinterpret_cast<const sockaddr*>(&to.address), to.length) != 0)
    return sys::last_error("connect");
  if (::getsockname(own.fd.get(), mine.get(), &mine.length) != 0) return sys::last_error("getsockname");
  if (::connect(ours->get(), mine.get(), mine.length) != 0) return sys::last_error("connect");
  return ours;
}

Result<UniqueFd> join_sender(InnerSockets& sockets, const AgentSocket& own, const Outside& to, int outer) {
  auto ours = sockets.make_marked(own.domain, SOCK_DGRAM);
  if (!ours) return ours;
  if (auto status = mark(own.fd.get(), own.domain); !status) return pass(std::move(status));
  lend_port(own, outer);
  Name mine;
  if (::getsockname(own.fd.get(), mine.get(), &mine.length) != 0) return sys::last_error("getsockname");
  if (is_any(mine)) {
    // The kernel chooses the address for each datagram, and chooses the same for us.
    Name chosen;
    if (::connect(ours->get(), reinterpret_cast<const sockaddr*>(&to.address), to.length) != 0 ||
        ::getsockname(ours->get(), chosen.get(), &chosen.length) != 0)
      return sys::last_error("connect");
    set_port(chosen, port_of(own.fd.get()));
    mine = chosen;
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    if (::connect(ours->get(), &nobody, sizeof nobody) != 0) return sys::last_error("connect");
  }
  if (auto status = take_place(ours->get(), to); !status) return pass(std::move(status));
  if (::connect(ours->get(), mine.get(), mine.length) != 0) return sys::last_error("connect");
  return ours;
}

}  // namespace assent::net
