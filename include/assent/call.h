// Call: one stopped system call as the kernel reported it. Registers only; pointers are still the agent's.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

namespace assent {

struct Call {
  std::uint64_t id = 0;  // notification cookie; valid until answered or the caller dies
  pid_t tid = 0;         // thread id in the supervisor's pid namespace; never 0 (invisible callers are refused)
  int number = -1;       // system call number, native ABI only
  std::array<std::uint64_t, 6> arguments{};
};

}  // namespace assent
