// InnerSockets: sockets of the agent's network for the supervisor, which lives in another. pid 1 inside makes them; it
// answers at once, and where it does not, there are no more. From any thread.
#pragma once

#include <mutex>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::net {

class InnerSockets {
 public:
  explicit InnerSockets(UniqueFd maker) : maker_(std::move(maker)) {}

  // Non-blocking. `type`: SOCK_STREAM or SOCK_DGRAM.
  Result<UniqueFd> make(int domain, int type);
  // The same for relays: it reaches, and may take, every address inside (assent::kRelayMark).
  Result<UniqueFd> make_marked(int domain, int type);

 private:
  std::mutex mutex_;
  UniqueFd maker_;
};

// Makes a socket inside, ours or the agent's own, one for which every address leads to the relay. EPERM where this
// kernel lacks a part of that.
Status mark(int socket, int domain);

}  // namespace assent::net
