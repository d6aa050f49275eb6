// What of /proc and /dev the supervisor opens for reading in the agent's place, behind the read gate. The kernel checks
// the opener there, and the opener is then the supervisor, which may look into every process of the sandbox; so what
// the kernel guards is left to each process itself.
#pragma once

#include <optional>

#include "assent/target.h"
#include "resolve/caller.h"

namespace assent::session {

// The errno for the agent; none: it may be opened.
std::optional<int> refused_read(const Target& target, const resolve::Caller& caller);

// /dev/tty names whatever terminal the opener has: it cannot be opened in another's place.
bool is_own_terminal(const Target& target);

}  // namespace assent::session
