// ProcessExits: notices when a process of the agent's ends, so that its end stands in the record and what was kept for
// it can go. Most live for milliseconds, and to be woken by the end of each costs as much as its calls: the young are
// looked at together, and only those that stay are waited for. In: processes as they are first seen. Out: one callback
// each. They are not our children: where the kernel does not tell how they ended (before Linux 6.15), the status is
// unknown.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

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

  // `pidfd` is the process's own. A process that is watched already costs a look-up.
  void watch(std::uint64_t process, std::shared_ptr<const UniqueFd> pidfd);
  // Tells of all that have ended so far; for the end of the session.
  void finish();

 private:
  void look_at_young();
  void look(std::uint64_t process, int attempt);
  void tell(std::uint64_t process, std::optional<int> wait_status);

  EventLoop& loop_;
  Ended ended_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const UniqueFd>> watched_;
  std::vector<std::uint64_t> young_;  // not yet waited for by the loop
};

}  // namespace assent::session
