// dial: makes an allowed connection, in the network namespace of the host. In: the agent's socket as the pattern, the
// address that was judged, the Permit. Out: a socket that connects, or has connected. Never blocks; never UDP.
#pragma once

#include "assent/permit.h"
#include "assent/result.h"
#include "assent/unique_fd.h"
#include "net/address.h"
#include "net/agent_socket.h"

namespace assent::net {

struct Dial {
  UniqueFd socket;  // non-blocking
  int error = 0;    // 0: connected; EINPROGRESS: under way; else why it failed
};
// An error: no socket at all (EMFILE …).
Result<Dial> dial(const Permit& permit, const AgentSocket& pattern, const Outside& to);

// What became of a socket that was under way: 0, EINPROGRESS, or why it failed.
int settle(int socket, const Outside& to);

enum class Readiness { UnderWay, Settled };
Readiness readiness(int socket);

void make_blocking(int socket);

}  // namespace assent::net
