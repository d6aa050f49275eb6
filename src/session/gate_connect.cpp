// Gate: connect. Never left to the kernel: a racing thread could turn it into the connect of another address, or of a
// unix socket's path, which Landlock does not stop. Either it is carried out on a duplicate of the agent's socket,
// inside the agent's empty network, with the bytes that were copied; or, judged and recorded, we connect a socket of
// the host's network and put it in the place of the agent's.
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/sys.h"
#include "net/dial.h"
#include "net/holders.h"
#include "net/no_names.h"
#include "net/outer_listeners.h"
#include "session/gate.h"

namespace assent::session {

namespace {

// How long a program that would not wait is made to.
constexpr auto kRelayedConnect = std::chrono::seconds(20);

Reply to_reply(int code) { return code == 0 ? Reply(ReturnValue{0}) : Reply(ReturnErrno{code}); }

int connect_now(int socket, const void* address, std::size_t length) {
  return ::connect(socket, static_cast<const sockaddr*>(address), static_cast<socklen_t>(length)) == 0 ? 0 : errno;
}

// A sandbox's netlink socket, asked by its owner (us), could do more than the agent may.
bool is_plain_netlink(const std::string& address) {
  sockaddr_nl out{};
  std::memcpy(&out, address.data(), std::min(address.size(), sizeof out));
  return out.nl_pid == 0 && out.nl_groups == 0;
}

// The very object that is pinned.
sockaddr_un address_of(int pinned) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(pinned);
  path.copy(out.sun_path, sizeof out.sun_path - 1);
  return out;
}

std::optional<std::chrono::nanoseconds> send_timeout(int socket) {
  timeval value{};
  socklen_t length = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, &length) != 0 || (value.tv_sec == 0 && value.tv_usec == 0))
    return std::nullopt;
  return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
}

}  // namespace

void Gate::connect(Judgement judgement, const Connect& act) {
  auto socket = agent_socket(*judgement.caller, act.socket);
  if (!socket) return reply(judgement.call, ReturnErrno{socket.error().code});
  judgement.calling = std::make_unique<Calling>();
  judgement.calling->number = act.socket;
  judgement.calling->socket = std::move(*socket);
  const net::AgentSocket& own = judgement.calling->socket;

  if (own.home == net::Home::Host) return connect_again(std::move(judgement), act.address);
  if (own.is_tcp()) return connect_tcp(std::move(judgement), act.address);
  if (own.domain == AF_UNIX) {
    if (auto path = net::unix_path(act.address)) return connect_path(std::move(judgement), std::move(*path));
  }
  if (own.domain == AF_NETLINK && !is_plain_netlink(act.address)) return reply(judgement.call, ReturnErrno{EPERM});
  if (own.is_udp()) return connect_udp(std::move(judgement), act.address);
  connect_inside(std::move(judgement), act.address);
}

void Gate::connect_tcp(Judgement judgement, const std::string& address) {
  const net::AgentSocket& own = judgement.calling->socket;
  auto to = net::outside(address, own.domain);
  const bool may_be_home = !to && (to = net::loopback(address, own.domain)).has_value();
  // A socket that listens, or is connected already, gets the kernel's own answer.
  if (!to || net::tcp_state(own.fd.get()) != TCP_CLOSE) return connect_inside(std::move(judgement), address);
  NetSubject subject;
  subject.address = to->text;
  subject.port = to->port;
  if (may_be_home) {
    if (!rooms_.policy.names_host_loopback(subject)) return connect_inside(std::move(judgement), address);
  } else {
    subject.names = rooms_.lookups.names(to->text);
  }
  judgement.calling->outside = std::move(to);
  judgement.request.process = judgement.caller->process();
  judgement.request.subject = std::move(subject);
  weigh(std::move(judgement));
}

// The socket is one that we placed. The kernel itself may answer only while it certainly would not dial anew.
void Gate::connect_again(Judgement judgement, const std::string& address) {
  const Call call = judgement.call;
  const net::AgentSocket& own = judgement.calling->socket;
  // Unbound, the socket could be used for something else; an own one is only a call of socket() away.
  if (net::disconnects(address)) return reply(call, ReturnErrno{EACCES});
  if (address.size() < sizeof(sa_family_t)) return reply(call, ReturnErrno{EINVAL});
  switch (net::tcp_state(own.fd.get())) {
    case 0:
      return reply(call, ReturnErrno{EACCES});
    case TCP_SYN_SENT:
    case TCP_SYN_RECV: {
      if (own.non_blocking) return reply(call, ReturnErrno{EALREADY});
      const int socket = own.fd.get();
      const auto limit = send_timeout(socket);
      auto shared = std::make_shared<Judgement>(std::move(judgement));
      auto started = rooms_.connects.wait(call, socket, limit, [this, shared, address](int code) {
        if (code != 0) return reply(shared->call, to_reply(code == EINPROGRESS ? EALREADY : code));
        connect_again(std::move(*shared), address);
      });
      if (!started) reply(call, ReturnErrno{started.error().code});
      return;
    }
    case TCP_CLOSE: {
      // It has failed, or has ended. The error that is left is the answer; after that the program tries anew, and so do
      // we.
      if (const int code = net::take_error(own.fd.get()); code != 0) return reply(call, ReturnErrno{code});
      // What was connected once is so for good (EISCONN), and a failure that getsockopt took is told once more
      // (ECONNABORTED): the kernel says either before it looks at the address, of which these are the first two bytes.
      const auto family = static_cast<sa_family_t>(own.domain);
      if (const int code = connect_now(own.fd.get(), &family, sizeof family); code != EINVAL)
        return reply(call, to_reply(code));
      if (!net::outside(address, own.domain)) return reply(call, ReturnErrno{ECONNABORTED});
      return connect_tcp(std::move(judgement), address);
    }
    default: {
      const auto to = net::outside(address, own.domain);
      return reply(call, to_reply(to ? connect_now(own.fd.get(), &to->address, to->length) : EISCONN));
    }
  }
}

void Gate::connect_inside(Judgement judgement, const std::string& address) {
  const Call call = judgement.call;
  Calling& calling = *judgement.calling;
  if (calling.socket.home != net::Home::Sandbox) return reply(call, ReturnErrno{EACCES});
  // Whether the socket waits is the agent's to change at any moment, also after it was looked at.
  const bool waits =
      calling.socket.type != SOCK_DGRAM && calling.socket.domain != AF_NETLINK && !net::disconnects(address);
  if (!waits) return reply(call, to_reply(connect_now(calling.socket.fd.get(), address.data(), address.size())));
  sockaddr_storage copy{};
  std::memcpy(&copy, address.data(), std::min(address.size(), sizeof copy));
  auto started =
      rooms_.connects.connect(call, std::move(calling.socket.fd), copy, static_cast<socklen_t>(address.size()),
                              [this, call](int code) { reply(call, to_reply(code)); });
  if (!started) reply(call, ReturnErrno{started.error().code});
}

void Gate::connect_path(Judgement judgement, std::string path) {
  Open look;
  look.path.path = path;
  look.flags = O_PATH;
  auto targets = rooms_.resolver.resolve(look, *judgement.caller);
  if (!targets) return reply(judgement.call, ReturnErrno{targets.error().code});
  Target& target = targets->front();
  // glibc looks for a name service's socket in every program, so what is not there is no matter for anyone.
  if (!target.exists() || target.hidden) return reply(judgement.call, ReturnErrno{ENOENT});
  judgement.calling->peer = std::move(target.agent_object);
  if (!S_ISSOCK(target.stat->stx_mode)) {
    const sockaddr_un address = address_of(judgement.calling->peer.get());
    const int code = connect_now(judgement.calling->socket.fd.get(), &address, sizeof address);
    return reply(judgement.call, ReturnErrno{code == 0 ? ECONNREFUSED : code});
  }
  // In a free folder, which is a real one, the user's own services may listen too.
  const bool own = target.own || target.zone == Zone::Private ||
                   (target.zone == Zone::Free && !net::belongs_outside(target.stat->stx_ino));
  NetSubject subject;
  subject.protocol = NetSubject::Protocol::Unix;
  subject.address = target.path;
  identify(judgement);
  judgement.request.subject = std::move(subject);
  if (own) {
    judgement.decision.verdict = Verdict::Allow;
    judgement.decision.rule = RuleRef{"built-in", 0};
    return connect_allowed(std::move(judgement));
  }
  judgement.decision = *rooms_.policy.judge(judgement.request).decision;
  if (auto why = frozen(judgement); why && judgement.decision.verdict == Verdict::Allow) {
    judgement.decision.verdict = Verdict::Deny;
    judgement.decision.rule = RuleRef{"freeze", 0};
    judgement.decision.reason = std::move(*why);
    return deny(judgement, EACCES);
  }
  if (judgement.decision.verdict == Verdict::Allow) return connect_allowed(std::move(judgement));
  // Somebody else's service is reached by a rule that names it, not by a question: what it would do nobody can tell.
  judgement.decision.verdict = Verdict::Deny;
  if (judgement.decision.reason.empty() || judgement.decision.rule.line == 0)
    judgement.decision.reason = "a socket outside needs a rule that allows it";
  deny(judgement, judgement.decision.error == EPERM ? EACCES : judgement.decision.error);
}

void Gate::connect_allowed(Judgement judgement) {
  if (needs_names(judgement)) {
    std::string why;
    if (!rooms_.relays.can_carry())
      why = "its rule wants the server's name looked at (sni), and this kernel cannot relay";
    if (allowed_names(judgement).empty())
      why = "its rule wants the server's name looked at (sni), and no allowed name was looked up for this address";
    if (!why.empty()) {
      judgement.decision.verdict = Verdict::Deny;
      judgement.decision.reason = std::move(why);
      return deny(judgement, EACCES);
    }
  }
  const bool asked = judgement.answer.has_value();
  const record::Act act{&judgement.request, &judgement.decision, asked ? &*judgement.answer : nullptr};
  auto permit = rooms_.log.intent(act, asked ? record::Durability::Durable : record::Durability::Buffered);
  if (!permit) return reply(judgement.call, ReturnErrno{EPERM});
  if (judgement.calling->outside) {
    if (auto name = rooms_.lookups.behind(judgement.calling->outside->text))
      return dial_name(std::move(judgement), std::move(*permit), *name);
    return dial(std::move(judgement), std::move(*permit));
  }

  const std::uint64_t sequence = permit->sequence();
  const sockaddr_un address = address_of(judgement.calling->peer.get());
  if (judgement.calling->socket.type == SOCK_DGRAM) {  // others may wait, whatever was seen of them
    return finish_connect(judgement, sequence,
                          connect_now(judgement.calling->socket.fd.get(), &address, sizeof address));
  }
  sockaddr_storage copy{};
  std::memcpy(&copy, &address, sizeof address);
  auto shared = std::make_shared<Judgement>(std::move(judgement));
  auto started =
      rooms_.connects.connect(shared->call, std::move(shared->calling->socket.fd), copy, sizeof address,
                              [this, shared, sequence](int code) { finish_connect(*shared, sequence, code); });
  if (!started) finish_connect(*shared, sequence, started.error().code);
}

// The agent has a made-up address in hand; now that the connect is allowed, the name may leave the machine. What it
// leads to must not be denied by address.
void Gate::dial_name(Judgement judgement, Permit permit, const std::string& name) {
  auto shared = std::make_shared<std::pair<Judgement, Permit>>(std::move(judgement), std::move(permit));
  const bool v6 = shared->first.calling->outside->text.find(':') != std::string::npos;
  const auto first = v6 ? net::Upstream::Family::Ipv6 : net::Upstream::Family::Ipv4;
  rooms_.lookups.resolve(name, first, [this, shared](const std::string& address) {
    Judgement& resolved = shared->first;
    const std::uint64_t sequence = shared->second.sequence();
    auto outside = net::with_address(*resolved.calling->outside, address);
    if (!outside) return finish_connect(resolved, sequence, EHOSTUNREACH);
    const bool relayed = outside->address.ss_family != resolved.calling->socket.domain;
    if (relayed && !rooms_.relays.can_carry()) return finish_connect(resolved, sequence, EHOSTUNREACH);
    auto& subject = std::get<NetSubject>(resolved.request.subject);
    subject.address = outside->text;
    // The yes was to a name. What no name leads to, only a rule about the address allows.
    const bool by_name = !net::takes_no_names(outside->text);
    if (!by_name) subject.names.clear();
    const Decision& again = *rooms_.policy.judge(resolved.request).decision;
    if (again.verdict == Verdict::Deny || (!by_name && again.verdict != Verdict::Allow)) {
      if (auto status = rooms_.log.outcome(sequence, record::Outcome{EACCES}); !status && events_.trouble)
        events_.trouble(status.error());
      resolved.decision = again;
      resolved.decision.verdict = Verdict::Deny;
      if (!by_name) resolved.decision.reason = "the name leads to an address that only a rule about the address allows";
      resolved.answer.reset();
      return deny(resolved, EACCES);
    }
    resolved.calling->asked = std::exchange(resolved.calling->outside, std::move(outside));
    dial(std::move(resolved), std::move(shared->second));
  });
}

void Gate::dial(Judgement judgement, Permit permit) {
  const std::uint64_t sequence = permit.sequence();
  const net::AgentSocket& own = judgement.calling->socket;
  if (own.is_udp()) return relay_datagrams(std::move(judgement), permit);
  auto dialling = net::dial(permit, own, *judgement.calling->outside);
  if (!dialling) return finish_connect(judgement, sequence, dialling.error().code);
  UniqueFd socket = std::move(dialling->socket);
  if (dialling->error != 0 && dialling->error != EINPROGRESS)
    return finish_connect(judgement, sequence, dialling->error);

  // A relayed connection is there only once the far side is: else a refusal would come out as a reset.
  if (own.non_blocking && !is_relayed(judgement)) {
    const int placed = place(judgement, socket.get());
    return finish_connect(judgement, sequence, placed != 0 ? placed : dialling->error);
  }
  const Call call = judgement.call;
  auto limit = send_timeout(own.fd.get());
  if (own.non_blocking) limit = kRelayedConnect;
  auto shared = std::make_shared<Judgement>(std::move(judgement));
  if (dialling->error == 0 || net::readiness(socket.get()) == net::Readiness::Settled) {
    return dialled(shared, sequence, std::move(socket), 0);
  }
  const int number = socket.get();
  auto kept = std::make_shared<UniqueFd>(std::move(socket));
  auto started = rooms_.connects.wait(call, number, limit, [this, shared, kept, sequence](int code) {
    dialled(shared, sequence, std::move(*kept), code);
  });
  if (!started) finish_connect(*shared, sequence, started.error().code);
}

// `code`: 0, or why the caller does not wait any more; the connection is then its own to wait for, as ever.
void Gate::dialled(const std::shared_ptr<Judgement>& judgement, std::uint64_t sequence, UniqueFd socket, int code) {
  if (code == 0) code = net::settle(socket.get(), *judgement->calling->outside);
  if (is_relayed(*judgement)) {
    if (code == 0 && rooms_.listener.alive(judgement->call.id)) code = relay(judgement, std::move(socket));
    if (code == EINPROGRESS) code = ETIMEDOUT;  // given up
    return finish_connect(*judgement, sequence, code);
  }
  const bool goes_on = code == 0 || code == EINTR || code == EINPROGRESS;
  if (goes_on && rooms_.listener.alive(judgement->call.id)) {
    net::make_blocking(socket.get());
    if (const int placed = place(*judgement, socket.get()); placed != 0) code = placed;
  }
  finish_connect(*judgement, sequence, code);
}

// Puts `socket` wherever the caller's process has the agent's own. 0 or an errno.
int Gate::place(const Judgement& judgement, int socket) {
  const Calling& calling = *judgement.calling;
  auto found = net::holders(rooms_.callers.proc(), judgement.call.tid, calling.socket.inode);
  if (!found) return found.error().code;
  // Until here nothing was done on the strength of that number.
  if (!rooms_.listener.alive(judgement.call.id)) return EINTR;
  int code = EBADF;  // closed meanwhile by another thread
  for (const auto& holder : found->descriptors) {
    auto set = rooms_.listener.set_descriptor(judgement.call.id, socket, holder.number, holder.close_on_exec);
    if (!set) return set.error().code;
    code = 0;
  }
  if (code != 0 || found->registrations.empty()) return code;
  std::vector<net::Move> moves;
  std::vector<UniqueFd> epolls;
  for (const auto& registration : found->registrations) {
    auto epoll = judgement.caller->descriptor(registration.epoll);
    if (!epoll) continue;
    moves.push_back({epoll->get(), registration});
    epolls.push_back(std::move(*epoll));
  }
  return net::move_registrations(moves, calling.socket.fd.get(), socket);
}

void Gate::finish_connect(const Judgement& judgement, std::uint64_t sequence, int code) {
  record::Outcome recorded;
  recorded.error = code;
  if (auto status = rooms_.log.outcome(sequence, recorded); !status && events_.trouble) events_.trouble(status.error());
  reply(judgement.call, to_reply(code));
  if (events_.judged) events_.judged(judgement, code == EINPROGRESS ? 0 : code);
}

}  // namespace assent::session
