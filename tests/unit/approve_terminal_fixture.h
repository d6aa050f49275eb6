// A terminal as a test plays it: the test holds the master and is the human and the emulator; assent gets the slave.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::approve {

class FakeTerminal {
 public:
  explicit FakeTerminal(unsigned short rows = 24, unsigned short columns = 80) {
    int master_fd = -1;
    int slave_fd = -1;
    winsize size{rows, columns, 0, 0};
    EXPECT_EQ(::openpty(&master_fd, &slave_fd, nullptr, nullptr, &size), 0);
    master.reset(master_fd);
    slave.reset(slave_fd);
    ::fcntl(master_fd, F_SETFL, O_NONBLOCK);
    ::fcntl(master_fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(slave_fd, F_SETFD, FD_CLOEXEC);
  }

  // Takes what was printed to it; answers cursor reports where it is told to.
  void pump() {
    char bytes[4096];
    for (;;) {
      const ssize_t n = ::read(master.get(), bytes, sizeof bytes);
      if (n <= 0) break;
      screen.append(bytes, static_cast<std::size_t>(n));
    }
    for (std::size_t at; (at = screen.find("\x1b[6n", answered_)) != std::string::npos; answered_ = at + 4) {
      if (!answers) continue;
      const std::size_t start = screen.rfind("\x1b[", at - 1);
      unsigned row = 1;
      unsigned column = 1;
      if (start != std::string::npos) std::sscanf(screen.c_str() + start, "\x1b[%u;%uH", &row, &column);
      type("\x1b[" + std::to_string(row) + ";" + std::to_string(column) + "R");
    }
  }

  void clear() {
    pump();
    screen.clear();
    answered_ = 0;
  }

  void type(std::string_view keys) const {
    EXPECT_EQ(::write(master.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  [[nodiscard]] bool raw() const {
    termios modes{};
    ::tcgetattr(slave.get(), &modes);
    return (modes.c_lflag & (ICANON | ECHO | ISIG)) == 0;
  }

  void resize(unsigned short rows, unsigned short columns) const {
    const winsize size{rows, columns, 0, 0};
    ::ioctl(master.get(), TIOCSWINSZ, &size);
  }

  UniqueFd master;
  UniqueFd slave;
  std::string screen;
  bool answers = true;

 private:
  std::size_t answered_ = 0;
};

// Runs the loop until `done`, or fails after a while.
inline bool run_until(EventLoop& loop, FakeTerminal& terminal, const std::function<bool()>& done,
                      std::chrono::milliseconds limit = std::chrono::seconds(5)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    EXPECT_TRUE(loop.run_once(std::chrono::milliseconds(2)));
    terminal.pump();
  }
  return true;
}

inline void run_for(EventLoop& loop, FakeTerminal& terminal, std::chrono::milliseconds time) {
  run_until(
      loop, terminal, [] { return false; }, time);
  // Where the machine was busy with others: what has become due meanwhile.
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(loop.run_once(std::chrono::milliseconds(0)));
    terminal.pump();
  }
}

// What the agent can read from its pseudo-terminal now.
inline std::string read_now(int fd) {
  std::string out;
  pollfd wait{fd, POLLIN, 0};
  char bytes[4096];
  while (::poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN) != 0) {
    const ssize_t n = ::read(fd, bytes, sizeof bytes);
    if (n <= 0) break;
    out.append(bytes, static_cast<std::size_t>(n));
  }
  return out;
}

// An agent that only waits, on a terminal of its own. It ends with the test.
inline pid_t start_agent(int slave) {
  const pid_t agent = ::fork();
  if (agent != 0) return agent;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(slave, 0);
  ::close_range(3, ~0U, 0);  // no copy of a master: its last one closed is the hang-up
  ::setsid();
  ::ioctl(0, TIOCSCTTY, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (;;) ::pause();
}

// The signal that ended the child; 0 where it did not end within a while (then it is killed).
inline int signal_that_ended(pid_t child) {
  int status = 0;
  for (int i = 0; i < 300; ++i) {
    if (::waitpid(child, &status, WNOHANG) == child) return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
    ::usleep(10'000);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return 0;
}

inline void print(int fd, std::string_view bytes) {
  EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

}  // namespace assent::approve
