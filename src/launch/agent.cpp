#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>

#include "base/kernel_abi.h"
#include "launch/floor_check.h"
#include "launch/grants.h"
#include "launch/inside.h"
#include "launch/kernel.h"
#include "launch/mount_build.h"

namespace assent::launch {

namespace {

// glibc answers EINVAL for the two signals it keeps to itself; nobody else can have ignored those.
void reset_signals(std::span<const int> stay_ignored) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) {
    if (std::find(stay_ignored.begin(), stay_ignored.end(), number) != stay_ignored.end()) continue;
    ::sigaction(number, &standard, nullptr);
  }
  for (const int number : stay_ignored) ::signal(number, SIG_IGN);
}

// A process group of its own in the session of pid 1. Were it the session's leader, its group would be an orphaned one
// and the kernel would drop every stop from the keyboard (setpgid(2), kernel's is_current_pgrp_orphaned): no Ctrl-Z.
bool own_group(Inside& in) {
  if (::setpgid(0, 0) != 0) return failed(in.stage, At::Terminal, errno, "");
  if (in.terminal < 0) return true;
  // SIGTTOU, for asking from the background, is blocked still.
  if (::tcsetpgrp(in.terminal, ::getpid()) == 0) return true;
  return failed(in.stage, At::Terminal, errno, "");
}

// By way of high numbers, so that none is overwritten before it was copied.
bool set_stdio(Inside& in) {
  std::array<int, 3> high{};
  for (std::size_t i = 0; i < 3; ++i) {
    high[i] = ::fcntl(in.stdio[i], F_DUPFD_CLOEXEC, 64);
    if (high[i] < 0) return failed(in.stage, At::Stdio, errno, "");
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (::dup2(high[i], static_cast<int>(i)) < 0) return failed(in.stage, At::Stdio, errno, "");
    struct stat stat {};
    // A folder of the host's own mount would lead out of the read-only view, and so would a descriptor that only
    // names something.
    if (::fstat(high[i], &stat) != 0 || S_ISDIR(stat.st_mode)) return failed(in.stage, At::Stdio, EISDIR, "");
    if ((::fcntl(high[i], F_GETFL) & O_PATH) != 0) return failed(in.stage, At::Stdio, EBADF, "");
    ::close(high[i]);
  }
  return true;
}

bool enter_directory(Inside& in) {
  if (::chdir(in.orders().cwd) == 0) return true;
  return failed(in.stage, At::Directory, errno, in.orders().cwd);
}

// The first call that the listener sees is this process's execve, and the supervisor must be able to read its words. A
// copy of a non-dumpable supervisor would keep its memory even from that. No one inside runs yet to make use of it.
bool be_readable(Inside& in) {
  return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 || failed(in.stage, At::HandOver, errno, "");
}

// Not closed but marked: the channel must still be there to tell of a failed exec. The listener, which comes after
// this, is born with the mark.
bool close_at_exec(Inside& in) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return kernel::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 || failed(in.stage, At::HandOver, errno, "");
}

// From here on the filter judges every call of this process.
int install_filter(Inside& in) {
  const auto filter = in.orders().filter;
  const sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  const long listener = kernel::seccomp(SECCOMP_SET_MODE_FILTER,
                                        abi::kFilterFlagNewListener | abi::kFilterFlagWaitKillableRecv, &program);
  if (listener < 0) failed(in.stage, At::Filter, errno, "");
  return static_cast<int>(listener);
}

// The supervisor learns our pid, in its own count, from the credentials that the kernel adds.
bool hand_over(const Inside& in, int listener, int root) {
  Message message{Message::Kind::Ready};
  const int descriptors[4] = {listener, root, in.name_sockets[0], in.name_sockets[1]};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)] = {};
  iovec part{&message, sizeof message};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(rights), descriptors, sizeof descriptors);
  // MSG_CONFIRM means nothing here, but to the filter, which would have this wait for whom it is to be handed to.
  return ::sendmsg(in.channel, &header, MSG_NOSIGNAL | MSG_CONFIRM) == static_cast<ssize_t>(sizeof message);
}

void say(int channel, Message::Kind kind, int value) {
  const Message message{kind, value};
  if (::write(channel, &message, sizeof message) < 0) return;  // nobody is left to tell
}

}  // namespace

void be_agent(Inside& in) {
  in.stage.agent_inner_pid = ::getpid();
  in.stage.landlock_abi = in.landlock_abi;
  reset_signals(in.orders().ignored_signals);
  int listener = -1;
  int root = -1;
  const std::array<int, 3> standard{0, 1, 2};
  const bool ready =
      own_group(in) && set_stdio(in) && enter_directory(in) &&
      enforce_landlock(in.orders().mounts, in.landlock_abi, in.orders().read_gate, standard, in.stage) &&
      check_floor(in.orders().mounts, in.host_folder, in.stage) &&
      ((root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0 || failed(in.stage, At::HandOver, errno, "")) &&
      close_at_exec(in) && be_readable(in) && (listener = install_filter(in)) >= 0;
  if (!ready) {
    say(in.channel, Message::Kind::Failed, 0);
    ::_exit(126);
  }
  if (!hand_over(in, listener, root)) ::_exit(126);
  ::close(listener);
  ::close(root);
  for (const int socket : in.name_sockets) ::close(socket);
  // Nothing runs before the supervisor listens. Its end, instead of its word: it is gone.
  char word = 0;
  ssize_t n;
  while ((n = ::read(in.channel, &word, 1)) < 0 && errno == EINTR) {
  }
  if (n != 1) ::_exit(126);
  int code = ENOENT;
  for (const char* program : in.orders().programs) {
    ::execve(program, in.orders().argv, in.orders().environment);
    // As execvp does: a candidate that may not be run is remembered, one that is not there is passed over.
    if (errno == EACCES || errno == EPERM) {
      code = errno;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      code = errno;
      break;
    }
  }
  say(in.channel, Message::Kind::ExecFailed, code);
  ::_exit(code == ENOENT ? 127 : 126);
}

}  // namespace assent::launch
