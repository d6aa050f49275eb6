// What can be said of an action from its values alone, and which places the broker refuses by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "assent/action.h"
#include "assent/target.h"

namespace assent::broker {

// The errno for arguments that the kernel refuses before it looks at any path; none: they are fine.
// The session asks this before resolving.
std::optional<int> invalid_arguments(const Action& action);

// Succeeds before the kernel looks at any path: utimensat that omits both times. Asked after invalid_arguments.
bool nothing_to_do(const Action& action);

// The open flags as the kernel will understand them: unknown bits that open() ignores dropped, O_PATH's companions
// only.
std::uint64_t effective_flags(const Open& open);

// Names that begin with ".assent-" are ours: staging names and the vault. The agent may not make, change or remove
// them.
bool reserved_name(std::string_view name);

// EPERM for what is never brokered: reserved names anywhere in the path, and anything in /proc, /sys, /dev.
std::optional<int> refused(const Target& target);

}  // namespace assent::broker
