// join: connects a socket of the agent's, inside its network, to one of ours that has the address it asked for. Both
// ends tell the truth: what the agent asked for, and the address that the far side sees.
#pragma once

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "net/address.h"
#include "net/agent_socket.h"
#include "net/inner_sockets.h"

namespace assent::net {

// `outer`: the connection of ours to `to`, whose own address the agent's socket gets, unless it has one. Out: our end,
// non-blocking. EADDRINUSE: something inside has taken that address and port for itself.
Result<UniqueFd> join(InnerSockets& sockets, const AgentSocket& own, const Outside& to, int outer);

// The same for UDP: the end that comes out hears this socket of the agent's and no other, and is heard by it alone.
Result<UniqueFd> join_datagrams(InnerSockets& sockets, const AgentSocket& own, const Outside& to, int outer);

// The same for a socket that is not connected, and stays so: the end that comes out hears what it sends to `to`.
Result<UniqueFd> join_sender(InnerSockets& sockets, const AgentSocket& own, const Outside& to, int outer);

// Gives `own` the local address of `outer` where it has none yet.
void lend_address(const AgentSocket& own, int outer);

}  // namespace assent::net
