// The guard: a tiny process that outlives assent by an instant. It holds the terminal and a pipe; when the pipe ends
// without a goodbye, assent died, and the guard puts the terminal's modes back. It survives the kill of assent's whole
// process group, and works where no signal handler could (SIGKILL).
#pragma once

#include <sys/types.h>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::approve {

struct TerminalGuard {
  UniqueFd pipe;  // takes kGuard… letters, and for kGuardRaw two struct termios (before, raw) behind it
  pid_t pid = -1;

  static Result<TerminalGuard> start(int terminal);
};

inline constexpr char kGuardRaw = 'R';
inline constexpr char kGuardRestored = 'C';
inline constexpr char kGuardAlternate = 'A';
inline constexpr char kGuardMain = 'M';
inline constexpr char kGuardGoodbye = 'q';

}  // namespace assent::approve
