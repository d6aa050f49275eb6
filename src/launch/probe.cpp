#include "launch/probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/kernel_abi.h"
#include "base/show.h"
#include "base/sys.h"
#include "launch/grants.h"
#include "launch/kernel.h"
#include "launch/sandbox.h"
#include "launch/stage.h"

namespace assent::launch {

namespace {

std::string spell(int code) {
  const char* word = ::strerrorname_np(code);
  return fmt::format("{} ({})", ::strerrordesc_np(code), word == nullptr ? "?" : word);
}

Probe ok(std::string name, std::string what) { return {std::move(name), Health::Ok, std::move(what), {}}; }
Probe weaker(std::string name, std::string what, std::string next) {
  return {std::move(name), Health::Weaker, std::move(what), std::move(next)};
}
Probe missing(std::string name, std::string what, std::string next) {
  return {std::move(name), Health::Missing, std::move(what), std::move(next)};
}

// Runs `act` in a child; its result (0 or an errno) is ours. A child that died counts as EIO.
template <class Act>
int in_child(Act act) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(act() & 0xff);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

Probe user_namespaces() {
  const int code = in_child([] { return ::unshare(CLONE_NEWUSER) == 0 ? 0 : errno; });
  if (code == 0) return ok("user namespaces", "one can be made");
  const Error error = describe_failure(At::Start, code, "");
  const auto cut = error.what.find("; ");
  return missing("user namespaces", spell(code), error.what.substr(cut == std::string::npos ? 0 : cut + 2));
}

// The whole floor in one: a sandbox around nothing. Covers mount_setattr, a new /proc, capabilities, the filter.
std::array<sock_filter, 6> notify_getppid() {
  return {sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
          sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_getppid},
          sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
          sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
          sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
          sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
}

void sandbox(std::vector<Probe>& out) {
  char folder[] = "/tmp/assent-doctor-XXXXXX";
  if (::mkdtemp(folder) == nullptr) {
    out.push_back(missing("sandbox", "no folder can be made in /tmp: " + spell(errno), "make /tmp writable"));
    return;
  }
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array<sock_filter, 1> allow{sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  Spec spec;
  spec.layout.project = folder;
  spec.layout.gated = {folder};
  spec.layout.private_folders = {"/var/tmp"};
  spec.argv = {"sleep", "60"};
  spec.environment = {"PATH=/usr/bin:/bin"};
  spec.cwd = folder;
  spec.stdio = {null.get(), null.get(), null.get()};
  spec.filter = allow;
  auto started = Sandbox::start(spec);
  if (!started) {
    const std::string& what = started.error().what;
    const auto cut = what.find("; ");
    out.push_back(missing("sandbox", what.substr(0, cut), cut == std::string::npos ? "" : what.substr(cut + 2)));
    ::rmdir(folder);
    return;
  }
  const FloorFacts facts = started->floor().facts();
  out.push_back(ok("read-only view", "writes into the project, / and /proc/sys were refused"));
  out.push_back(ok("new /proc and /dev", "mounted"));
  out.push_back(ok("capabilities", "all given up; mount was refused"));
  if (facts.nested_users_closed) {
    out.push_back(ok("nested user namespaces", "closed inside"));
  } else {
    out.push_back(weaker("nested user namespaces", "only the filter keeps them away",
                         "/proc/sys/user/max_user_namespaces could not be set inside; is /proc/sys read-only here?"));
  }
  if (facts.landlock) {
    out.push_back(ok("Landlock refuses", "a write on the host's writable mount was refused"));
  } else {
    out.push_back(weaker("Landlock refuses", "not tried or not there: every write-open goes through the supervisor",
                         "see Landlock"));
  }
  // Across the namespace, after an exec.
  if (auto status = started->go(); !status) {
    out.push_back(missing("start of a program", status.error().what, "look at dmesg"));
  } else {
    std::string exe;
    for (int i = 0; i < 500 && exe.find("sleep") == std::string::npos; ++i) {
      if (auto link = sys::readlinkat(AT_FDCWD, fmt::format("/proc/{}/exe", started->agent_pid()).c_str())) exe = *link;
      ::usleep(1000);
    }
    if (auto fd = sys::pidfd_getfd(started->agent_pidfd(), 1)) {
      out.push_back(ok("pidfd_getfd", "takes a descriptor out of the sandbox"));
    } else {
      out.push_back(
          missing("pidfd_getfd", fd.error().what, "needs Linux 5.6 and ptrace rights over one's own children"));
    }
    const auto maps = sys::read_file(AT_FDCWD, fmt::format("/proc/{}/maps", started->agent_pid()).c_str());
    char byte = 0;
    const iovec here{&byte, 1};
    const iovec there{maps ? reinterpret_cast<void*>(std::strtoul(maps->c_str(), nullptr, 16)) : nullptr, 1};
    if (maps && ::process_vm_readv(started->agent_pid(), &here, 1, &there, 1, 0) == 1) {
      out.push_back(ok("process_vm_readv", "reads memory across the sandbox's edge"));
    } else {
      out.push_back(missing("process_vm_readv", spell(errno),
                            "a security module (Yama ptrace_scope=3?) keeps memory of one's own children away"));
    }
  }
  started->kill();
  ::rmdir(folder);
}

// A child whose getppid() we answer, with everything that the listener uses.
void notification(std::vector<Probe>& out) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const auto filter = notify_getppid();
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog program{filter.size(), const_cast<sock_filter*>(filter.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    std::array<int, 2> told{-1, 0};
    told[0] = static_cast<int>(kernel::seccomp(
        SECCOMP_SET_MODE_FILTER, abi::kFilterFlagNewListener | abi::kFilterFlagWaitKillableRecv, &program));
    told[1] = told[0] < 0 ? errno : 0;
    if (::write(theirs.get(), told.data(), sizeof told) < 0 || told[0] < 0) ::_exit(1);
    char word;
    if (::read(theirs.get(), &word, 1) != 1) ::_exit(1);
    const long answer = ::syscall(SYS_getppid);
    ::_exit(answer >= 3 && ::fcntl(static_cast<int>(answer), F_GETFD) >= 0 ? 0 : 2);
  }
  theirs.reset();
  const auto reap = [&] {
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  };
  std::array<int, 2> told{-1, 0};
  if (child < 0 || ::read(ours.get(), told.data(), sizeof told) != sizeof told || told[0] < 0) {
    const Error error = describe_failure(At::Filter, told[1] == 0 ? EIO : told[1], "");
    const auto cut = error.what.find("; ");
    out.push_back(missing("seccomp notification", spell(told[1] == 0 ? EIO : told[1]), error.what.substr(cut + 2)));
    if (child > 0) reap();
    return;
  }
  out.push_back(ok("seccomp notification", "a filter with a listener and WAIT_KILLABLE_RECV was installed"));
  const auto pidfd = sys::pidfd_open(child);
  const auto listener = pidfd ? sys::pidfd_getfd(pidfd->get(), told[0]) : pass(Result<UniqueFd>(fail(EBADF)));
  if (!listener) {
    out.push_back(missing("listener", listener.error().what, "needs pidfd_getfd (Linux 5.6)"));
    reap();
    return;
  }
  if (::ioctl(listener->get(), abi::kIoctlNotifSetFlags, abi::kFdSyncWakeUp) == 0) {
    out.push_back(ok("SYNC_WAKE_UP", "the listener and the caller share a processor"));
  } else {
    out.push_back(weaker("SYNC_WAKE_UP", spell(errno) + ": gated calls are several times slower", "Linux 6.6 has it"));
  }
  bool answered = false;
  if (::write(ours.get(), "g", 1) == 1) {
    pollfd wait{listener->get(), POLLIN, 0};
    seccomp_notif call{};
    if (::poll(&wait, 1, 5000) == 1 && ::ioctl(listener->get(), SECCOMP_IOCTL_NOTIF_RECV, &call) == 0) {
      seccomp_notif_addfd add{};
      add.id = call.id;
      add.flags = SECCOMP_ADDFD_FLAG_SEND;
      add.srcfd = static_cast<__u32>(ours.get());
      answered = ::ioctl(listener->get(), SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
    }
  }
  if (answered) {
    int status = 0;
    ::waitpid(child, &status, 0);
    answered = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  } else {
    reap();
  }
  out.push_back(answered ? ok("ADDFD with SEND", "a descriptor was handed in as the result of a call")
                         : missing("ADDFD with SEND", "a descriptor could not be handed in", "needs Linux 5.14"));
}

Probe landlock() {
  const int abi = landlock_abi();
  if (abi == 0) {
    return weaker("Landlock", "not there: the floor has one layer, and every write-open goes through the supervisor",
                  "boot with lsm=landlock,… (CONFIG_SECURITY_LANDLOCK, Linux 5.13)");
  }
  std::string lacks;
  const auto add = [&](int since, const char* what) {
    if (abi < since) lacks += (lacks.empty() ? "" : ", ") + std::string(what);
  };
  add(2, "refer (2)");
  add(5, "ioctl on devices (5)");
  add(6, "scopes of signals and abstract sockets (6)");
  if (lacks.empty()) return ok("Landlock", fmt::format("ABI {}", abi));
  return weaker("Landlock", fmt::format("ABI {}; lacks {}", abi, lacks),
                "the read-only view, the filter and the namespaces stand alone there; Linux 6.12 has all of it");
}

Probe pidfd_thread() {
  if (sys::pidfd_open(::getpid(), abi::kPidfdThread)) return ok("PIDFD_THREAD", "a thread can be held");
  return weaker("PIDFD_THREAD", spell(errno) + ": other threads than a process's first are looked at anew in each call",
                "Linux 6.9 has it");
}

// How a process of the agent's ended, which only its parent is told otherwise.
Probe ends_of_processes() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(7);
  const auto pidfd = child < 0 ? pass(Result<UniqueFd>(fail(errno))) : sys::pidfd_open(child);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  abi::PidfdInfo info{};
  info.mask = abi::kPidfdInfoExit;
  if (pidfd && ::ioctl(pidfd->get(), abi::kPidfdGetInfo, &info) == 0 && (info.mask & abi::kPidfdInfoExit) != 0) {
    return ok("ends of processes", "told");
  }
  return weaker("ends of processes", "not told: the record says that a process of the agent's ended, and not how",
                "Linux 6.15 has it");
}

// assentd holds the process that speaks to it while it looks who that is.
Probe peers() {
  int ends[2];
  int number = -1;
  socklen_t length = sizeof number;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return ok("SO_PEERPIDFD", "not tried");
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  if (::getsockopt(one.get(), SOL_SOCKET, abi::kSoPeerPidfd, &number, &length) == 0) {
    const UniqueFd held(number);
    return ok("SO_PEERPIDFD", "the process at the other end of a socket can be held");
  }
  return weaker("SO_PEERPIDFD", spell(errno) + ": assentd knows its callers by process id alone", "Linux 6.5 has it");
}

Probe mount_ids() {
  const auto stat = sys::statx(AT_FDCWD, "/");
  if (stat && (stat->stx_mask & abi::kStatxMntId) != 0) return ok("statx mount id", "told");
  return missing("statx mount id", "not told", "needs Linux 5.8");
}

Probe birth_times(const std::string& state_folder) {
  std::string folder = state_folder.empty() ? "/tmp" : state_folder;
  while (folder.size() > 1 && ::access(folder.c_str(), F_OK) != 0) {
    folder = std::filesystem::path(folder).parent_path().string();
  }
  const auto stat = sys::statx(AT_FDCWD, folder.c_str(), 0);
  if (stat && (stat->stx_mask & STATX_BTIME) != 0) return ok("birth times", "kept at " + show(folder));
  return weaker("birth times",
                "the file system of " + show(folder) + " keeps none: no file counts as the agent's own there",
                "keep the project on ext4, xfs, btrfs, tmpfs or zfs");
}

// The filter denies it in any case; with the kernel's own knob off there are two layers.
Probe terminal_input() {
  const int code = in_child([] {
    int master = -1;
    int slave = -1;
    ::setsid();
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return errno;
    if (::ioctl(slave, TIOCSCTTY, 0) != 0) return errno;
    char byte = 'x';
    return ::ioctl(slave, TIOCSTI, &byte) == 0 ? 0 : errno;
  });
  if (code == EIO || code == EPERM) return ok("TIOCSTI", "the kernel refuses faked key strokes");
  if (code == 0) {
    return weaker("TIOCSTI", "only the filter keeps faked key strokes away",
                  "set dev.tty.legacy_tiocsti=0 (Linux 6.2)");
  }
  return ok("TIOCSTI", "not tried: " + spell(code));
}

Probe proc_overmounted() {
  // A new procfs is refused where something covers part of the host's; the sandbox probe names it, this one says where.
  const auto mounts = sys::read_file(AT_FDCWD, "/proc/self/mounts", 4 << 20);
  std::string covers;
  if (mounts) {
    for (std::size_t at = 0; at < mounts->size();) {
      const auto end = std::min(mounts->find('\n', at), mounts->size());
      const std::string line = mounts->substr(at, end - at);
      at = end + 1;
      const auto from = line.find(" /proc/");
      if (from == std::string::npos) continue;
      const std::string point = line.substr(from + 1, line.find(' ', from + 1) - from - 1);
      if (point == "/proc/sys/fs/binfmt_misc") continue;  // over an empty folder: covers nothing
      covers += (covers.empty() ? "" : ", ") + point;
    }
  }
  if (covers.empty()) return ok("host's /proc", "nothing covers it");
  return weaker(
      "host's /proc", "covered by mounts at " + show(covers),
      "where a new /proc is refused, run with an uncovered one (Docker: --security-opt systempaths=unconfined)");
}

}  // namespace

std::string_view name(Health health) {
  switch (health) {
    case Health::Ok:
      return "ok";
    case Health::Weaker:
      return "weaker";
    case Health::Missing:
      return "missing";
  }
  return "missing";
}

std::vector<Probe> probe_floor(const std::string& state_folder) {
  std::vector<Probe> out;
  out.push_back(user_namespaces());
  sandbox(out);
  notification(out);
  out.push_back(landlock());
  out.push_back(pidfd_thread());
  out.push_back(ends_of_processes());
  out.push_back(peers());
  out.push_back(mount_ids());
  out.push_back(birth_times(state_folder));
  out.push_back(terminal_input());
  out.push_back(proc_overmounted());
  return out;
}

}  // namespace assent::launch
