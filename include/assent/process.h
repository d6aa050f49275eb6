// Process: who made a call, as shown to people and written to the record. Facts read from /proc once per process
// image; the agent can lie in argv, so these are for showing, never for deciding that something is safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace assent {

struct Process {
  std::uint64_t id = 0;      // our own number in this session, from 1; never used twice, unlike a pid
  std::uint64_t parent = 0;  // `id` of the parent, 0: the agent itself
  pid_t pid = 0;             // process id as seen by the supervisor
  pid_t inner_pid = 0;       // as seen by the agent
  std::string exe;
  std::vector<std::string> argv;
  std::string cwd;  // when first seen or last exec'd

  // From the direct parent up to the agent: short command names, for the question.
  std::vector<std::string> ancestry;
};

using ProcessRef = std::shared_ptr<const Process>;

}  // namespace assent
