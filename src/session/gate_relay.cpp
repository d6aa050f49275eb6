// Gate: connections whose TLS hello has to be looked at (`sni = "match"`). The agent's own socket is connected, inside
// its empty network, to a relay of ours that waits there under the true address; it never holds one of the host's. So
// are datagrams, for a socket of the host's could send them anywhere.
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/agent_socket.h"
#include "session/gate.h"

namespace assent::session {

bool Gate::needs_names(const Judgement& judgement) const {
  return judgement.decision.server_name == ServerName::Match && judgement.calling && judgement.calling->outside &&
         judgement.calling->socket.is_tcp();
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

// UDP leads outside only where a rule says `udp`. Else it ends in the kernel's own ENETUNREACH, unasked: programs try
// it to sort addresses.
void Gate::connect_udp(Judgement judgement, const std::string& address) {
  const net::AgentSocket& own = judgement.calling->socket;
  auto to = net::outside(address, own.domain);
  if (!to || to->port == 0) return connect_inside(std::move(judgement), address);
  NetSubject subject;
  subject.protocol = NetSubject::Protocol::Udp;
  subject.address = to->text;
  subject.port = to->port;
  subject.names = rooms_.lookups.names(to->text);
  if (!rooms_.relays.can_carry() || !rooms_.policy.says_udp(subject))
    return connect_inside(std::move(judgement), address);
  judgement.calling->outside = std::move(to);
  judgement.request.process = judgement.caller->process();
  judgement.request.subject = std::move(subject);
  weigh(std::move(judgement));
}

void Gate::relay_datagrams(const Judgement& judgement, const Permit& permit) {
  const Calling& calling = *judgement.calling;
  UniqueFd outer(::socket(calling.socket.domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!outer || ::connect(outer.get(), reinterpret_cast<const sockaddr*>(&calling.outside->address),
                          calling.outside->length) != 0)
    return finish_connect(judgement, permit.sequence(), errno);
  auto inner = rooms_.relays.join_datagrams(calling.socket, *calling.outside, outer.get());
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
  auto inner = rooms_.relays.join(calling.socket, *calling.outside, outer.get());
  if (!inner) {
    if (events_.trouble) events_.trouble(inner.error());
    return EADDRNOTAVAIL;
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
