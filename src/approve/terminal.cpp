#include "approve/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "approve/terminal_guard.h"
#include "base/sys.h"

namespace assent::approve {

namespace {

constexpr int kOpenFlags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

// Opened anew, so that O_NONBLOCK is ours alone: the description of stdin is shared with the shell.
Result<UniqueFd> open_terminal(TerminalStreams streams) {
  for (const int stream : {streams.in, streams.out, streams.err}) {
    if (stream < 0 || ::isatty(stream) != 1) continue;
    if (::tcgetsid(stream) == ::getsid(0)) {
      if (UniqueFd fd(::open("/dev/tty", kOpenFlags)); fd) return fd;
    }
    UniqueFd fd(::open(fmt::format("/proc/self/fd/{}", stream).c_str(), kOpenFlags));
    if (!fd) return sys::last_error("open terminal");
    return fd;
  }
  UniqueFd fd(::open("/dev/tty", kOpenFlags));
  if (!fd) return sys::last_error("open /dev/tty");
  return fd;
}

}  // namespace

Result<Terminal> Terminal::open(TerminalStreams streams) {
  auto fd = open_terminal(streams);
  if (!fd) return pass(std::move(fd));
  auto guard = TerminalGuard::start(fd->get());
  if (!guard) return pass(std::move(guard));
  return Terminal(std::move(*fd), std::move(guard->pipe), guard->pid);
}

Terminal::Terminal(Terminal&& other) noexcept
    : fd_(std::move(other.fd_)),
      guard_(std::move(other.guard_)),
      guard_pid_(std::exchange(other.guard_pid_, -1)),
      before_(other.before_),
      raw_(std::exchange(other.raw_, false)) {}

Terminal::~Terminal() {
  restore();
  if (guard_pid_ < 0) return;
  tell_guard(kGuardGoodbye);
  guard_.reset();
  while (::waitpid(guard_pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

// A guard that somebody killed must not take assent along: MSG_NOSIGNAL does not exist for pipes, so SIGPIPE is kept
// out.
void Terminal::tell_guard(char what) {
  if (!guard_) return;
  std::string bytes(1, what);
  if (what == kGuardRaw) {
    termios now{};
    ::tcgetattr(fd_.get(), &now);
    bytes.append(reinterpret_cast<const char*>(&before_), sizeof before_);
    bytes.append(reinterpret_cast<const char*>(&now), sizeof now);
  }
  sigset_t pipe;
  sigset_t old;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &old);
  if (!sys::write_all(guard_.get(), bytes)) {
    guard_.reset();
    const timespec none{};
    ::sigtimedwait(&pipe, nullptr, &none);
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

bool Terminal::foreground() const {
  const pid_t group = ::tcgetpgrp(fd_.get());
  return group < 0 || group == ::getpgrp();  // not our controlling terminal: no job control on it
}

std::optional<termios> Terminal::modes() const {
  termios now{};
  if (::tcgetattr(fd_.get(), &now) != 0) return std::nullopt;
  return now;
}

winsize Terminal::size() const {
  winsize size{};
  ::ioctl(fd_.get(), TIOCGWINSZ, &size);
  if (size.ws_row == 0) size.ws_row = 24;
  if (size.ws_col == 0) size.ws_col = 80;
  return size;
}

Status Terminal::make_raw() {
  if (raw_) return {};
  if (::tcgetattr(fd_.get(), &before_) != 0) return sys::last_error("tcgetattr");
  termios raw = before_;
  ::cfmakeraw(&raw);
  // TCSADRAIN: keys typed before stay in the queue for the agent.
  if (::tcsetattr(fd_.get(), TCSADRAIN, &raw) != 0) return sys::last_error("tcsetattr");
  raw_ = true;
  tell_guard(kGuardRaw);
  return {};
}

void Terminal::restore() {
  if (!raw_) return;
  raw_ = false;
  // From the background too: the modes that are there are ours.
  sigset_t out;
  sigset_t old;
  ::sigemptyset(&out);
  ::sigaddset(&out, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &out, &old);
  ::tcsetattr(fd_.get(), TCSANOW, &before_);
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  tell_guard(kGuardRestored);
}

void Terminal::flush_input() {
  // A flush from the background would stop us, and there is nothing of ours to flush then.
  if (foreground()) ::tcflush(fd_.get(), TCIFLUSH);
}

void Terminal::note(Screen screen) { tell_guard(screen == Screen::Alternate ? kGuardAlternate : kGuardMain); }

}  // namespace assent::approve
