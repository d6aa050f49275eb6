// Gate: connections whose TLS hello has to be looked at (`sni = "match"`). The agent's own socket is connected, inside
// its empty network, to a relay of ours that waits there under the true address; it never holds one of the host's. So
// are datagrams, for a socket of the host's could send them anywhere.
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/agent_socket.h"
#include "net/inner_sockets.h"
#include "session/gate.h"

namespace assent::session {

bool Gate::needs_names(const Judgement& judgement) const {
  return judgement.decision.server_name == ServerName::Match && judgement.calling && judgement.calling->outside &&
         judgement.calling->socket.is_tcp();
}

// Also where a name that was asked about leads to an address of the other family: a socket of the agent's cannot become
// one of another family.
bool Gate::is_relayed(const Judgement& judgement) const {
  return needs_names(judgement) || (judgement.calling && judgement.calling->outside &&
                                    judgement.calling->outside->address.ss_family != judgement.calling->socket.domain);
}

// Of the names that were looked up for the address, those that the connection may ask for.
std::vector<std::string> Gate::allowed_names(const Judgement& judgement) const {
  std::vector<std::string> out;
  Request one = judgement.request;
  auto& subject = std::get<NetSubject>(one.subject);
  for (const auto& name : std::get<NetSubject>(judgement.request.subject).names) {
    subject.names = {name};
    const Verdict verdict = rooms_.policy.judge(one).decision->verdict;
    if (verdict == Verdict::Allow || (verdict == Verdict::Ask && judgement.answer)) out.push_back(name);
  }
  return out;
}

// Where a UDP socket's address leads outside, which it does only where a rule says `udp`.
std::optional<net::Outside> Gate::datagrams_to(const Judgement& judgement, const std::string& address,
                                               NetSubject& subject) const {
  const int domain = judgement.calling->socket.domain;
  auto to = net::outside(address, domain);
  const bool at_home = !to && (to = net::loopback(address, domain)).has_value();
  if (!to || to->port == 0) return std::nullopt;
  subject.protocol = NetSubject::Protocol::Udp;
  subject.address = to->text;
  subject.port = to->port;
  if (!at_home) subject.names = rooms_.lookups.names(to->text);
  if (!rooms_.relays.can_carry() || !rooms_.policy.says_udp(subject) ||
      (at_home && !rooms_.policy.names_host_loopback(subject)))
    return std::nullopt;
  return to;
}

// Else it ends in the kernel's own ENETUNREACH, unasked: programs try it to sort addresses.
void Gate::connect_udp(Judgement judgement, const std::string& address) {
  NetSubject subject;
  auto to = datagrams_to(judgement, address, subject);
  if (!to) {
    // An address that stands for a name has both kinds (IPv4, IPv6), and programs sort them by whether they can be
    // reached. IPv4 comes first: from it both kinds of hosts are. It leads to nobody all the same.
    const net::AgentSocket& own = judgement.calling->socket;
    const auto standing = net::outside(address, own.domain);
    if (own.domain == AF_INET && standing && rooms_.relays.can_carry() && rooms_.lookups.behind(standing->text))
      (void)net::mark(own.fd.get(), own.domain).has_value();
    return connect_inside(std::move(judgement), address);
  }
  judgement.calling->outside = std::move(to);
  judgement.request.process = judgement.caller->process();
  judgement.request.subject = std::move(subject);
  weigh(std::move(judgement));
}

void Gate::relay_datagrams(Judgement judgement, const Permit& permit) {
  const Calling& calling = *judgement.calling;
  if (calling.datagrams) return send_allowed(std::move(judgement), permit);
  UniqueFd outer(::socket(calling.outside->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!outer || ::connect(outer.get(), reinterpret_cast<const sockaddr*>(&calling.outside->address),
                          calling.outside->length) != 0)
    return finish_connect(judgement, permit.sequence(), errno);
  auto inner = rooms_.relays.join_datagrams(calling.socket, calling.inner_place(), outer.get());
  if (!inner) {
    if (events_.trouble) events_.trouble(inner.error());
    return finish_connect(judgement, permit.sequence(), EADDRNOTAVAIL);
  }
  auto carried = rooms_.relays.carry_datagrams(std::move(*inner), std::move(outer));
  finish_connect(judgement, permit.sequence(), carried ? 0 : carried.error().code);
}

// `outer`: connected. 0 or an errno.
int Gate::relay(const std::shared_ptr<Judgement>& judgement, UniqueFd outer) {
  const Calling& calling = *judgement->calling;
  auto inner = rooms_.relays.join(calling.socket, calling.inner_place(), outer.get());
  if (!inner) {
    if (events_.trouble) events_.trouble(inner.error());
    return EADDRNOTAVAIL;
  }
  if (!needs_names(*judgement)) {
    auto carried = rooms_.relays.carry(std::move(*inner), std::move(outer), std::nullopt, nullptr);
    return carried ? 0 : carried.error().code;
  }
  auto refused = [this, judgement](const std::string& why) {
    judgement->decision.verdict = Verdict::Deny;
    judgement->decision.reason = why;
    judgement->answer.reset();
    const record::Act act{&judgement->request, &judgement->decision, nullptr};
    auto recorded = rooms_.log.denied(act, ECONNRESET);
    if (!recorded && events_.trouble) events_.trouble(recorded.error());
    rooms_.denials.tell(*judgement, ECONNRESET, recorded ? *recorded : 0);
  };
  auto carried =
      rooms_.relays.carry(std::move(*inner), std::move(outer), allowed_names(*judgement), std::move(refused));
  return carried ? 0 : carried.error().code;
}

}  // namespace assent::session
