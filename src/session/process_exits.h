// ProcessExits: notices when a process of the agent's ends, so that its end stands in the record and what was kept for
// it can go. In: processes as they are first seen. Out: one callback each. They are not our children: where the kernel
// does not tell how they ended (before Linux 6.15), the status is unknown.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::session {

class ProcessExits {
 public:
  // `wait_status`: as from waitpid.
  using Ended = std::function<void(std::uint64_t process, std::optional<int> wait_status)>;

  ProcessExits(EventLoop& loop, Ended ended) : loop_(loop), ended_(std::move(ended)) {}
  ~ProcessExits();
  ProcessExits(const ProcessExits&) = delete;
  ProcessExits& operator=(const ProcessExits&) = delete;

  // `pidfd` is the process's own; it is copied. A process that is watched already costs a look-up.
  void watch(std::uint64_t process, int pidfd);
  // Tells of all that have ended so far; for the end of the session.
  void finish();

 private:
  void look(std::uint64_t process, int attempt);
  void tell(std::uint64_t process, std::optional<int> wait_status);

  EventLoop& loop_;
  Ended ended_;
  std::unordered_map<std::uint64_t, UniqueFd> watched_;
};

}  // namespace assent::session
