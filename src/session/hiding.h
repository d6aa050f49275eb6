// Hiding: which paths the profile's `hide` names on this machine now, told apart by how the floor hides them.
// In: the policy's patterns, the gated folders. Out: paths for launch. It only lists folders.
#pragma once

#include <string>
#include <vector>

#include "decide/policy.h"

namespace assent::session {

struct Hiding {
  std::vector<std::string> absent;  // outside gated folders: not there at all, and what takes their name neither
  std::vector<std::string> masked;  // inside gated folders: empty, and reading there is gated
  bool gate_reads = false;          // something inside a gated folder is hidden, or looking for it took too long
  std::vector<std::string> notes;   // what a pattern cannot reach, for people
};

// `own`: assent's own folders, always absent (or masked). Looks through the gated folders for at most a second; where
// that is not enough, reading is gated, as if something had been found.
Hiding find_hidden(const decide::Policy& policy, const std::vector<std::string>& own);

}  // namespace assent::session
