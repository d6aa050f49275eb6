// Calling: what a connect (or the bind of a socket's path) holds on its way through the rooms, beside its Judgement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assent/unique_fd.h"
#include "net/address.h"
#include "net/agent_socket.h"

namespace assent::session {

struct Calling {
  net::AgentSocket socket;              // the agent's own
  int number = -1;                      // of its descriptor
  std::optional<net::Outside> outside;  // a connection to be made
  std::optional<net::Outside> asked;    // what the agent wrote, where that only stood for a name
  UniqueFd peer;                        // a socket in the file system, pinned in the agent's view
  struct Datagrams {                    // of sendto, sendmsg, sendmmsg only
    std::uint64_t cookie = 0;           // of the socket
    std::vector<std::string> to;        // where they lead
    std::size_t at = 0;                 // the one that is judged
  };
  std::optional<Datagrams> datagrams;

  // Under what address a relay waits inside for the socket: the true one, where such a socket can have it.
  [[nodiscard]] const net::Outside& inner_place() const {
    return asked && outside->address.ss_family != socket.domain ? *asked : *outside;
  }
};

}  // namespace assent::session
