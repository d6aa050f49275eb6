// Peer: who is at the other end of a connection, as the kernel says, and whether they stand outside every sandbox.
#pragma once

#include <sys/types.h>

#include "approve/rights.h"
#include "assent/result.h"

namespace assent::assentd {

struct Peer {
  approve::Person person;
  pid_t pid = 0;
  gid_t gid = static_cast<gid_t>(-1);
};

// EPERM: the process lives in another user namespace than ours. An agent's always does, and it would answer there with
// its user's own uid.
Result<Peer> peer_of(int socket);

}  // namespace assent::assentd
