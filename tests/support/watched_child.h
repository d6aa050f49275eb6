// A forked child under a small filter that notifies a few calls, and the parent's listener of it. For tests of the
// notification itself; the agent's real filter is tested elsewhere.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "assent/unique_fd.h"
#include "base/kernel_abi.h"

namespace assent::test {

enum class Signals { WaitKillable, Interruptible };

// Gives the listener's number, or -1. `numbers` are notified in every ABI.
inline int install_notifying_filter(const std::vector<int>& numbers, Signals signals) {
  std::vector<sock_filter> code{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}};
  for (const int number : numbers) {
    code.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(number)});
    code.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF});
  }
  code.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  const unsigned long flags =
      abi::kFilterFlagNewListener | (signals == Signals::WaitKillable ? abi::kFilterFlagWaitKillableRecv : 0);
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

class WatchedChild {
 public:
  // `body` runs in the child; what it returns is the exit status.
  WatchedChild(const std::vector<int>& numbers, const std::function<int()>& body,
               Signals signals = Signals::WaitKillable) {
    int to_parent[2];
    int to_child[2];
    if (::pipe(to_parent) != 0 || ::pipe(to_child) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(to_parent[0]);
      ::close(to_child[1]);
      const int listener = install_notifying_filter(numbers, signals);
      char go = 0;
      if (::write(to_parent[1], &listener, sizeof listener) != sizeof listener) ::_exit(200);
      if (listener < 0 || ::read(to_child[0], &go, 1) != 1) ::_exit(201);
      ::close(listener);
      ::close(to_parent[1]);
      ::close(to_child[0]);
      ::_exit(body());
    }
    ::close(to_parent[1]);
    ::close(to_child[0]);
    int number = -1;
    if (::read(to_parent[0], &number, sizeof number) == sizeof number && number >= 0) {
      const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
      listener_.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
      if (::write(to_child[1], "g", 1) != 1) listener_.reset();
    }
    ::close(to_parent[0]);
    ::close(to_child[1]);
  }
  ~WatchedChild() {
    if (pid_ > 0 && !ended_) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  WatchedChild(const WatchedChild&) = delete;
  WatchedChild& operator=(const WatchedChild&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] UniqueFd take_listener() { return std::move(listener_); }
  void signal(int number) const { ::kill(pid_, number); }

  // The exit status; 1000 + the signal where it died of one.
  int wait() {
    int status = status_;
    if (!ended_ && ::waitpid(pid_, &status, 0) != pid_) return -1;
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  // Older kernels (6.1) count a dead process as a user of its filter until it is reaped.
  void reap_if_dead() { ended_ = ended_ || ::waitpid(pid_, &status_, WNOHANG) == pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd listener_;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace assent::test
