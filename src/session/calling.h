// Calling: what a connect (or the bind of a socket's path) holds on its way through the rooms, beside its Judgement.
#pragma once

#include <optional>

#include "assent/unique_fd.h"
#include "net/address.h"
#include "net/agent_socket.h"

namespace assent::session {

struct Calling {
  net::AgentSocket socket;              // the agent's own
  int number = -1;                      // of its descriptor
  std::optional<net::Outside> outside;  // a TCP connection to be made
  UniqueFd peer;                        // a socket in the file system, pinned in the agent's view
};

}  // namespace assent::session
