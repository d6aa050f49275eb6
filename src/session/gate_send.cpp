// Gate: datagrams that name where they go (sendto, sendmsg, sendmmsg), where a rule says `udp`; in other sessions these
// calls do not come here. Each destination is judged once for each socket, and gets a flow of the relays. The kernel
// then carries the call out, with whatever address it finds: what no flow was made for ends in the agent's own network.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/agent_socket.h"
#include "session/gate.h"

namespace assent::session {

void Gate::send(Judgement judgement, const Send& act) {
  const auto proof = rooms_.floor.proof(launch::CallKind::SendDatagram, Zone::Read);
  if (!proof) return refuse(judgement, Error{EPERM, "the floor is not proved for sendto"});
  const auto go_on = [&] { reply(judgement.call, Continue(*proof)); };
  if (act.addresses.empty()) return go_on();
  // What is wrong with the descriptor the kernel says itself.
  auto fd = judgement.caller->descriptor(act.socket);
  if (!fd) return go_on();
  const std::uint64_t cookie = net::socket_cookie(fd->get());
  const bool known = std::ranges::all_of(
      act.addresses, [&](const std::string& address) { return rooms_.relays.carries(cookie, address); });
  if (known) return go_on();
  auto socket = net::look_at(std::move(*fd), rooms_.connects.host_cookie());
  if (!socket || !socket->is_udp() || socket->home != net::Home::Sandbox) return go_on();
  judgement.calling = std::make_unique<Calling>();
  judgement.calling->socket = std::move(*socket);
  judgement.calling->number = act.socket;
  judgement.calling->datagrams = Calling::Datagrams{cookie, act.addresses, 0};
  send_next(std::move(judgement));
}

void Gate::send_next(Judgement judgement) {
  Calling& calling = *judgement.calling;
  Calling::Datagrams& all = *calling.datagrams;
  for (; all.at < all.to.size(); ++all.at) {
    const std::string& address = all.to[all.at];
    if (rooms_.relays.carries(all.cookie, address)) continue;
    NetSubject subject;
    auto to = datagrams_to(judgement, address, subject);
    if (!to) {
      // For a socket that has a flow every address leads to the relay, so the kernel would not say it.
      if (all.at == 0 && net::is_marked(calling.socket.fd.get()) && net::outside(address, calling.socket.domain))
        return reply(judgement.call, ReturnErrno{ENETUNREACH});
      continue;
    }
    calling.asked.reset();
    calling.outside = std::move(to);
    judgement.action = Connect{calling.number, address};
    judgement.request.subject = std::move(subject);
    judgement.answer.reset();
    identify(judgement);
    return weigh(std::move(judgement));
  }
  const auto proof = rooms_.floor.proof(launch::CallKind::SendDatagram, Zone::Read);
  reply(judgement.call, proof ? Reply(Continue(*proof)) : Reply(ReturnErrno{EPERM}));
}

void Gate::send_allowed(Judgement judgement, const Permit& permit) {
  Calling& calling = *judgement.calling;
  Calling::Datagrams& all = *calling.datagrams;
  const auto fails = [&](int code) { finish_connect(judgement, permit.sequence(), code); };
  if (!rooms_.listener.alive(judgement.call.id)) return fails(EINTR);
  UniqueFd outer(::socket(calling.outside->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!outer || ::connect(outer.get(), reinterpret_cast<const sockaddr*>(&calling.outside->address),
                          calling.outside->length) != 0)
    return fails(errno);
  auto inner =
      rooms_.relays.join_sender(calling.socket, calling.asked ? *calling.asked : *calling.outside, outer.get());
  if (!inner) {
    if (events_.trouble) events_.trouble(inner.error());
    return fails(EADDRNOTAVAIL);
  }
  auto carried =
      rooms_.relays.carry_datagrams(std::move(*inner), std::move(outer), Relays::Sender{all.cookie, all.to[all.at]});
  if (!carried) return fails(carried.error().code);
  if (auto status = rooms_.log.outcome(permit.sequence(), record::Outcome{}); !status && events_.trouble)
    events_.trouble(status.error());
  if (events_.judged) events_.judged(judgement, 0);
  ++all.at;
  send_next(std::move(judgement));
}

}  // namespace assent::session
