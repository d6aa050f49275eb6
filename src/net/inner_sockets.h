// InnerSockets: sockets of the agent's network for the supervisor, which lives in another. pid 1 inside makes them, and
// binds the agent's own where only the agent's view has the path; it answers at once, and where it does not, there are
// no more. From any thread.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string_view>

#include "assent/result.h"
#include "assent/socket_request.h"
#include "assent/unique_fd.h"

namespace assent::net {

class InnerSockets {
 public:
  explicit InnerSockets(UniqueFd maker) : maker_(std::move(maker)) {}

  // Non-blocking. `type`: SOCK_STREAM or SOCK_DGRAM.
  Result<UniqueFd> make(int domain, int type);
  // The same for relays: it reaches, and may take, every address inside (assent::kRelayMark).
  Result<UniqueFd> make_marked(int domain, int type);
  // Binds `socket`, a unix one, to `path` as a process inside would that has this working directory and umask. 0 or an
  // errno. EPERM where nobody answers.
  int bind(int socket, std::string_view path, int working_directory, mode_t umask);

 private:
  // The answer's errno; with it, what was made. None: there are no more.
  std::optional<int> ask(const SocketRequest& request, const int* given, UniqueFd* made);
  std::mutex mutex_;
  UniqueFd maker_;
};

// Makes a socket inside, ours or the agent's own, one for which every address leads to the relay. EPERM where this
// kernel lacks a part of that.
Status mark(int socket, int domain);

}  // namespace assent::net
