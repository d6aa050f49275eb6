// decode: registers and the agent's memory → Action.
// In: a stopped call and a way to read its caller's memory. Out: the Action, every byte of it copied once, or the errno
// that the kernel itself would give for such arguments (unknown flags, bad sizes, unreadable or too long strings).
// Never: a second read of the same byte, a look at files or descriptors, a judgement. What it does not know is refused.
#pragma once

#include <string_view>

#include "assent/action.h"
#include "assent/call.h"
#include "assent/result.h"
#include "base/remote_memory.h"

namespace assent::decode {

// ENOSYS for a call that is not among the gated ones. The kernel looks at flags before it looks at names and at names
// before it looks at files; so the errors of this function come first, in the kernel's order.
Result<Action> decode(const Call& call, const RemoteMemory& memory);

// The kernel's name of a gated call ("unlinkat"), static storage; empty for any other number.
std::string_view call_name(int number);

// What an execve may bring along; the rest is left out and `argv_cut` set. For showing and recording, so this is
// plenty.
inline constexpr std::size_t kMaxArguments = 4096;
inline constexpr std::size_t kMaxArgumentBytes = 128 * 1024;

}  // namespace assent::decode
