#include <fcntl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <string_view>

#include "launch/inside.h"
#include "launch/kernel.h"
#include "launch/mount_build.h"

namespace assent::launch {

namespace {

bool write_file(const char* path, const char* text, std::size_t length) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = ::write(fd, text, length) == static_cast<ssize_t>(length);
  const int code = errno;
  ::close(fd);
  errno = code;
  return ok;
}

std::size_t append_number(char* out, unsigned long number) {
  char digits[24];
  std::size_t n = 0;
  do {
    digits[n++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  for (std::size_t i = 0; i < n; ++i) out[i] = digits[n - 1 - i];
  return n;
}

bool write_map(const char* path, unsigned long id) {  // "ID ID 1"
  char line[64];
  std::size_t length = append_number(line, id);
  line[length++] = ' ';
  length += append_number(line + length, id);
  line[length++] = ' ';
  line[length++] = '1';
  return write_file(path, line, length);
}

// Away from the supervisor's terminal, whose signals are not for us; and the agent's, if it has one, is this session's.
bool take_terminal(Inside& in) {
  ::setsid();
  if (in.terminal < 0 || ::ioctl(in.terminal, TIOCSCTTY, 0) == 0) return true;
  return failed(in.stage, At::Terminal, errno, "");
}

// The supervisor may be gone before this; then the channel is at its end, and be_agent reads that.
bool die_with_supervisor(Inside& in) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) return true;
  return failed(in.stage, At::ParentDeath, errno, "");
}

bool map_ids(Inside& in) {
  // /proc/self belongs to root while this copy of the supervisor is not dumpable; it is so again right after.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  // Without `deny` an unprivileged user may not map a group. The supplementary groups stay: they go on opening files
  // as before, and are only shown inside as the overflow group.
  if (!write_file("/proc/self/setgroups", "deny", 4)) return failed(in.stage, At::GroupMap, errno, "");
  if (!write_map("/proc/self/uid_map", in.uid)) return failed(in.stage, At::UserMap, errno, "");
  if (!write_map("/proc/self/gid_map", in.gid)) return failed(in.stage, At::GroupMap, errno, "");
  // A second line under the filter's denial: no namespace of the agent's own, whatever call asks for it.
  in.stage.nested_users_closed = write_file("/proc/sys/user/max_user_namespaces", "0", 1);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return true;
}

bool name_host(Inside& in) {
  const std::string_view name = in.orders().hostname;
  if (name.empty() || ::sethostname(name.data(), name.size()) == 0) return true;
  return failed(in.stage, At::HostName, errno, "");
}

bool give_up_power(Inside& in) {
  // uid 0 inside gets nothing by an exec: locked, and without room for an ambient set.
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) return failed(in.stage, At::Capabilities, errno, "");
  for (int capability = 0; capability < 64; ++capability) {
    if (::cap_drop_bound(capability) == 0) continue;
    if (errno == EINVAL) break;  // the first number that the kernel does not know
    return failed(in.stage, At::Capabilities, errno, "");
  }
  if (::cap_set_proc(in.no_capabilities) != 0) return failed(in.stage, At::Capabilities, errno, "");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return true;
  return failed(in.stage, At::NoNewPrivileges, errno, "");
}

bool note_namespace(Inside& in) {
  struct stat stat {};
  if (::stat("/proc/self/ns/pid", &stat) == 0) in.stage.pid_namespace = stat.st_ino;
  return true;
}

void say(int channel, const Message& message) {
  // EPIPE: the supervisor is gone, and so are we in a moment.
  while (::send(channel, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

// Waits for them. False: the supervisor is gone.
bool receive_orders(Inside& in) {
  char word = 0;
  int given[5] = {-1, -1, -1, -1, -1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof given)] = {};
  iovec part{&word, sizeof word};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t size;
  while ((size = ::recvmsg(in.channel, &header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  const cmsghdr* item = size == 1 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (item == nullptr || item->cmsg_type != SCM_RIGHTS || in.stage.orders == nullptr) return false;
  const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  const Orders& orders = in.orders();
  const std::size_t wanted = 3 + (orders.has_terminal ? 1 : 0) + (orders.has_host_folder ? 1 : 0);
  if (count != wanted || count > std::size(given)) return false;
  std::memcpy(given, CMSG_DATA(item), count * sizeof(int));
  for (std::size_t i = 0; i < count; ++i) {  // out of the way of 0, 1 and 2
    if (given[i] > 2) continue;
    const int high = ::fcntl(given[i], F_DUPFD_CLOEXEC, 16);
    if (high < 0) return false;
    ::close(given[i]);
    given[i] = high;
  }
  std::size_t next = 0;
  for (int& fd : in.stdio) fd = given[next++];
  if (orders.has_terminal) in.terminal = given[next++];
  if (orders.has_host_folder) in.host_folder = given[next++];
  return true;
}

// Everything that the supervisor had open is closed here; only these two stay.
void keep_only(int one, int other) {
  const auto low = static_cast<unsigned>(std::min(one, other));
  const auto high = static_cast<unsigned>(std::max(one, other));
  if (low > 0) kernel::close_range(0, low - 1, 0);
  if (high - low > 1) kernel::close_range(low + 1, high - 1, 0);
  kernel::close_range(high + 1, ~0U, 0);
}

// Returns when a child may have changed; makes sockets meanwhile. Every signal is blocked in pid 1, and a blocked one
// is kept for the descriptor even where its disposition is to be ignored.
void wait_for_children(int children, int& maker) {
  for (;;) {
    pollfd wait[2] = {{children, POLLIN, 0}, {maker, POLLIN, 0}};
    if (::poll(wait, 2, -1) < 0 && errno != EINTR) return;
    if (wait[1].revents != 0 && !make_socket(maker)) maker = -1;
    if (wait[0].revents == 0) continue;
    signalfd_siginfo told{};
    (void)(::read(children, &told, sizeof told) > 0);  // one at most: SIGCHLD does not queue
    return;
  }
}

// Whether nobody is left in here but pid 1: whoever has lost its parent is its child by now.
bool is_alone() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) == 0) {
      if (info.si_pid == 0) return false;
    } else if (errno != EINTR) {
      return errno == ECHILD;
    }
  }
}

// Reaps all, tells of the agent, and ends with it.
[[noreturn]] void wait_for_all(int channel, int maker, pid_t agent) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const int children = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  for (;;) {
    siginfo_t info{};
    const int dont_wait = children >= 0 ? WNOHANG : 0;
    const int waited = ::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | __WALL | dont_wait);
    if (waited == 0 && info.si_pid == 0) {
      wait_for_children(children, maker);
      continue;
    }
    if (waited != 0) {
      if (errno == EINTR) continue;
      ::_exit(1);  // no child is left, not even the agent: its end was told before
    }
    if (info.si_pid != agent) continue;
    switch (info.si_code) {
      case CLD_EXITED:
        say(channel, {Message::Kind::Exited, info.si_status, 0, is_alone() ? 1 : 0});
        ::_exit(0);
      case CLD_KILLED:
      case CLD_DUMPED:
        say(channel, {Message::Kind::Killed, info.si_status, info.si_code == CLD_DUMPED ? 1 : 0, is_alone() ? 1 : 0});
        ::_exit(0);
      case CLD_STOPPED:
      case CLD_TRAPPED:
        say(channel, {Message::Kind::Stopped, info.si_status});
        break;
      case CLD_CONTINUED:
        say(channel, {Message::Kind::Continued, info.si_status});
        break;
    }
  }
}

}  // namespace

void be_opener(Inside& in) {
  ::close(in.far_end);
  ::close(in.far_maker);
  in.stage.host_speaks_ipv6 = host_speaks_ipv6();
  constexpr int kNew =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  clone_args arguments{};
  arguments.flags = CLONE_PARENT;  // the supervisor's child, whose end ends it; the exit signal is the opener's
  long pid = -1;
  if (::unshare(kNew) == 0) pid = kernel::clone3(arguments);
  if (pid == 0) be_init(in);
  if (pid < 0) {
    failed(in.stage, At::Start, errno, "");
    say(in.channel, {Message::Kind::Failed});
  }
  ::_exit(0);
}

void be_init(Inside& in) {
  ::prctl(PR_SET_NAME, "assent-init", 0, 0, 0);
  const mode_t mask = ::umask(0);
  const bool ready = die_with_supervisor(in) && map_ids(in) && note_namespace(in) && raise_network(in);
  if (!ready) {
    say(in.channel, {Message::Kind::Failed});
    ::_exit(1);
  }
  say(in.channel, {Message::Kind::Begun});
  Prepared prepared;
  prepare_mounts(prepared);
  // The supervisor may have ended meanwhile, or found that it will not come to a start.
  if (!receive_orders(in)) ::_exit(1);
  const bool built = take_terminal(in) && build_mounts(in.orders().mounts, prepared, in.stage) && name_host(in) &&
                     give_up_power(in) &&
                     // A change of credentials clears the parent-death signal where it adds a right; ours only
                     // takes away. Set again all the same: this is what ends everything when the supervisor dies.
                     die_with_supervisor(in);
  ::umask(mask);
  if (!built) {
    say(in.channel, {Message::Kind::Failed});
    ::_exit(1);
  }
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  const long agent = kernel::clone3(arguments);
  if (agent == 0) be_agent(in);
  if (agent < 0) {
    failed(in.stage, At::ForkAgent, errno, "");
    say(in.channel, {Message::Kind::Failed});
    ::_exit(1);
  }
  ::chdir("/");
  keep_only(in.channel, in.maker);
  wait_for_all(in.channel, in.maker, static_cast<pid_t>(agent));
}

}  // namespace assent::launch
