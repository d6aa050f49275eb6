// Foresight: an action's certain errno, in the kernel's order of precedence (fs/namei.c, fs/open.c, fs/attr.c).
// With Look::Shape only what the Targets already say is used (no system call; for the hot path: "this will fail"), with
// Look::Disk permissions and attributes too ("and this is the errno").
#pragma once

#include <optional>
#include <span>

#include "assent/action.h"
#include "assent/target.h"

namespace assent::broker {

enum class Look { Shape, Disk };

std::optional<int> foresight(Look look, const Action& action, std::span<const Target> targets);

// A plain rename of `from` to `to`, Look::Disk.
std::optional<int> foresight_rename(const Target& from, const Target& to);

}  // namespace assent::broker
