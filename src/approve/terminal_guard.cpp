#include "approve/terminal_guard.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/sys.h"

namespace assent::approve {

namespace {

bool read_whole(int fd, void* into, std::size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t n = ::read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

// Only calls that are safe after a fork of a program with threads.
[[noreturn]] void guard_main(int pipe, int terminal) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);  // also lets it set modes from the background (SIGTTOU)
  ::setpgid(0, 0);
  ::prctl(PR_SET_NAME, "assent-guard");
  // Nothing of assent's may stay open in here: neither a pipeline's end nor a listener.
  const int kept_pipe = ::fcntl(pipe, F_DUPFD, 1000);
  const int kept_terminal = ::fcntl(terminal, F_DUPFD, 1000);
  ::dup2(kept_pipe, 0);
  ::dup2(kept_terminal, 1);
  ::syscall(SYS_close_range, 2U, ~0U, 0U);
  termios before{};
  termios raw{};
  bool is_raw = false;
  bool alternate = false;
  for (char what = 0; read_whole(0, &what, 1);) {
    if (what == kGuardGoodbye) ::_exit(0);
    if (what == kGuardRaw) is_raw = read_whole(0, &before, sizeof before) && read_whole(0, &raw, sizeof raw);
    if (what == kGuardRestored) is_raw = false;
    if (what == kGuardAlternate) alternate = true;
    if (what == kGuardMain) alternate = false;
  }
  if (alternate) {
    constexpr char kLeave[] = "\x18\x1b[0m\x1b[<u\x1b[?2004l\x1b[?25h\x1b[?1049l";
    [[maybe_unused]] const ssize_t n = ::write(1, kLeave, sizeof kLeave - 1);
  }
  // A shell that was quicker has set modes of its own already: leave those alone.
  termios now{};
  if (is_raw && ::tcgetattr(1, &now) == 0 && now.c_lflag == raw.c_lflag && now.c_iflag == raw.c_iflag &&
      now.c_oflag == raw.c_oflag) {
    ::tcsetattr(1, TCSANOW, &before);
  }
  ::_exit(0);
}

}  // namespace

Result<TerminalGuard> TerminalGuard::start(int terminal) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return sys::last_error("pipe2");
  UniqueFd reading(ends[0]);
  TerminalGuard guard;
  guard.pipe.reset(ends[1]);
  // No exit signal: whoever waits for the agent must not meet this child.
  clone_args arguments{};
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return sys::last_error("clone3");
  if (pid == 0) guard_main(reading.get(), terminal);
  guard.pid = static_cast<pid_t>(pid);
  return guard;
}

}  // namespace assent::approve
