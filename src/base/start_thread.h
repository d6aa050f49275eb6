// A thread, or EAGAIN where there can be none: the agent runs as our user, and may fill up what that user may have of
// processes (RLIMIT_NPROC, a cgroup's pids.max). That must not end the supervisor.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "assent/result.h"

namespace assent {

template <class Work>
Result<std::thread> start_thread(Work&& work) {
  try {
    return std::thread(std::forward<Work>(work));
  } catch (const std::system_error&) {
    return fail(EAGAIN, "cannot start a thread: there are too many processes (EAGAIN)");
  }
}

}  // namespace assent
