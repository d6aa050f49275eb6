// The table is whole: every system call that anyone here knows has one row, and the rows that must never wait do not.
#include "filter/table.h"

#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "base/kernel_abi.h"
#include "filter/treat.h"

namespace assent::filter {
namespace {

constexpr int kNewestNumber = 470;  // listns, Linux 6.19

TEST(FilterTable, HasARowForEveryNumberOfTheKernelHeaders) {
  std::ifstream header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
  ASSERT_TRUE(header.is_open());
  const std::regex line(R"(#define __NR_(\w+) (\d+))");
  std::string text;
  int seen = 0;
  while (std::getline(header, text)) {
    std::smatch match;
    if (!std::regex_match(text, match, line)) continue;
    ++seen;
    const Row* row = row_of(static_cast<std::uint32_t>(std::stoi(match[2])));
    ASSERT_NE(row, nullptr) << text;
    EXPECT_EQ(row->name, match[1].str());
  }
  EXPECT_GT(seen, 350);
}

TEST(FilterTable, HasARowForEveryNumberThatLibseccompKnows) {
  int seen = 0;
  for (int number = 0; number < 4096; ++number) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
    if (name == nullptr) continue;
    ++seen;
    const Row* row = row_of(static_cast<std::uint32_t>(number));
    EXPECT_NE(row, nullptr) << number << " " << name;
    if (row != nullptr) {
      EXPECT_EQ(row->name, name);
    }
    std::free(name);
  }
  EXPECT_GT(seen, 360);
}

TEST(FilterTable, HasARowForEveryNumberThatIsNewerThanBoth) {
  for (std::uint32_t number = 424; number <= kNewestNumber; ++number) EXPECT_NE(row_of(number), nullptr) << number;
  EXPECT_EQ(row_of(abi::kSysSetxattrat)->name, "setxattrat");
  EXPECT_EQ(row_of(abi::kSysRemovexattrat)->name, "removexattrat");
  EXPECT_EQ(row_of(abi::kSysOpenTreeAttr)->name, "open_tree_attr");
  EXPECT_EQ(row_of(abi::kSysFileSetattr)->name, "file_setattr");
  EXPECT_EQ(row_of(abi::kSysFchmodat2)->name, "fchmodat2");
  EXPECT_EQ(row_of(abi::kSysMseal)->name, "mseal");
}

TEST(FilterTable, HoldsNoNumberAndNoNameTwiceAndStandsInOrder) {
  std::set<std::string_view> names;
  int last = -1;
  for (const Row& row : kTable) {
    EXPECT_GT(row.number, last);
    last = row.number;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
  EXPECT_EQ(last, kNewestNumber);
}

TEST(FilterTable, GivesAReasonOfOneLineForEveryRow) {
  for (const Row& row : kTable) {
    EXPECT_GT(row.reason.size(), 4U) << row.name;
    EXPECT_LT(row.reason.size(), 120U) << row.name;
    EXPECT_EQ(row.reason.find('\n'), std::string_view::npos) << row.name;
  }
}

TEST(FilterTable, GivesADefiniteErrnoForEveryDenial) {
  const auto definite = [](Outcome outcome) {
    return outcome.treatment == Treatment::Deny ? outcome.error > 0 && outcome.error < 4096 : outcome.error == 0;
  };
  for (const Row& row : kTable) {
    EXPECT_TRUE(definite(row.otherwise)) << row.name;
    for (const Rule& rule : row.rules) EXPECT_TRUE(definite(rule.outcome)) << row.name;
    for (const Rule& rule : row.gate_reads_rules) EXPECT_TRUE(definite(rule.outcome)) << row.name;
  }
}

TEST(FilterTable, NeverLetsACallWaitThatMustNotWait) {
  for (const std::string_view name :
       {"exit",   "exit_group", "rt_sigreturn", "restart_syscall", "read",           "write",  "readv",
        "writev", "pread64",    "pwrite64",     "futex",           "mmap",           "munmap", "mprotect",
        "brk",    "close",      "close_range",  "rt_sigaction",    "rt_sigprocmask", "poll",   "epoll_wait",
        "fork",   "vfork",      "wait4",        "clock_nanosleep", "sched_yield",    "madvise"}) {
    const Row* row = row_of(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->otherwise, floor_suffices()) << name;
    EXPECT_TRUE(row->rules.empty() && row->gate_reads_rules.empty()) << name;
  }
}

TEST(FilterTable, NotifiesEveryCallThatChangesNamesOrMetadata) {
  for (const std::string_view name :
       {"unlink",       "unlinkat",      "rmdir",        "rename",    "renameat",   "renameat2",   "truncate",
        "creat",        "openat2",       "link",         "linkat",    "symlink",    "symlinkat",   "mkdir",
        "mkdirat",      "mknod",         "mknodat",      "chmod",     "fchmod",     "fchmodat",    "fchmodat2",
        "chown",        "fchown",        "lchown",       "fchownat",  "utime",      "utimes",      "futimesat",
        "utimensat",    "setxattr",      "lsetxattr",    "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
        "fremovexattr", "removexattrat", "file_setattr", "connect",   "bind",       "listen",      "execve",
        "execveat",     "chdir",         "fchdir",       "umask"}) {
    const Row* row = row_of(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->otherwise, notify()) << name;
    EXPECT_TRUE(row->rules.empty()) << name;
  }
}

TEST(FilterTable, DeniesWhateverIsNeverAllowedInside) {
  for (const std::string_view name : {"ptrace",
                                      "process_vm_writev",
                                      "io_uring_setup",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "bpf",
                                      "userfaultfd",
                                      "clone3",
                                      "setns",
                                      "mount",
                                      "umount2",
                                      "pivot_root",
                                      "chroot",
                                      "open_tree",
                                      "move_mount",
                                      "fsopen",
                                      "fsconfig",
                                      "fsmount",
                                      "fspick",
                                      "mount_setattr",
                                      "open_tree_attr",
                                      "open_by_handle_at",
                                      "kexec_load",
                                      "kexec_file_load",
                                      "init_module",
                                      "finit_module",
                                      "delete_module",
                                      "add_key",
                                      "request_key",
                                      "keyctl",
                                      "perf_event_open",
                                      "fanotify_init",
                                      "fanotify_mark",
                                      "swapon",
                                      "swapoff",
                                      "acct",
                                      "quotactl",
                                      "quotactl_fd",
                                      "reboot",
                                      "iopl",
                                      "ioperm",
                                      "syslog",
                                      "vhangup",
                                      "modify_ldt",
                                      "sethostname",
                                      "setdomainname",
                                      "uselib",
                                      "ustat",
                                      "sysfs",
                                      "nfsservctl",
                                      "lookup_dcookie",
                                      "settimeofday",
                                      "clock_settime",
                                      "lsm_set_self_attr"}) {
    const Row* row = row_of(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->otherwise.treatment, Treatment::Deny) << name;
    EXPECT_TRUE(row->rules.empty()) << name;
  }
}

// What the rules mean, call by call; the rest of the tests only compares the program with them.
constexpr Outcome outcome_of(std::string_view name, std::array<std::uint64_t, 6> arguments,
                             Variant variant = Variant::Normal) {
  return treat({AUDIT_ARCH_X86_64, static_cast<std::uint32_t>(row_of(name)->number), arguments}, variant);
}

TEST(FilterTable, NotifiesOpeningForWritingAndLetsReadingThrough) {
  for (const std::uint64_t quiet : {O_RDONLY, O_RDONLY | O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH,
                                    O_PATH | O_RDWR | O_CREAT, O_NOATIME, O_APPEND, O_EXCL}) {
    EXPECT_EQ(outcome_of("open", {0, quiet}), floor_suffices()) << quiet;
    EXPECT_EQ(outcome_of("openat", {0, 0, quiet}), floor_suffices()) << quiet;
    EXPECT_EQ(outcome_of("openat", {0, 0, quiet | 0xdeadbeef00000000}), floor_suffices()) << quiet;
  }
  for (const std::uint64_t gated : {O_WRONLY, O_RDWR, O_ACCMODE, O_CREAT, O_TRUNC, O_TMPFILE, O_TMPFILE & ~O_DIRECTORY,
                                    O_WRONLY | O_APPEND | O_CLOEXEC}) {
    EXPECT_EQ(outcome_of("open", {0, gated}), notify()) << gated;
    EXPECT_EQ(outcome_of("openat", {0, 0, gated}), notify()) << gated;
    EXPECT_EQ(outcome_of("openat", {0, 0, gated | 0xdeadbeef00000000}), notify()) << gated;
  }
}

TEST(FilterTable, NotifiesReadingTooWhereReadsAreGatedButNotPathDescriptors) {
  EXPECT_EQ(outcome_of("open", {0, O_RDONLY}, Variant::GateReads), notify());
  EXPECT_EQ(outcome_of("openat", {0, 0, O_RDONLY | O_DIRECTORY}, Variant::GateReads), notify());
  EXPECT_EQ(outcome_of("openat", {0, 0, O_PATH}, Variant::GateReads), floor_suffices());
  EXPECT_EQ(outcome_of("unlink", {}, Variant::GateReads), notify());
}

TEST(FilterTable, NotifiesDatagramsOnlyWhereTheyAreGatedAndOnlyThoseThatMayNameAPlace) {
  for (const Variant variant : {Variant::Normal, Variant::GateReads}) {
    EXPECT_EQ(outcome_of("sendto", {3, 1, 1, 0, 1, 16}, variant), floor_suffices());
    EXPECT_EQ(outcome_of("sendmsg", {3, 1, 0}, variant), floor_suffices());
    EXPECT_EQ(outcome_of("sendmmsg", {3, 1, 1, 0}, variant), floor_suffices());
  }
  for (const Variant variant : {Variant::GateDatagrams, Variant::GateReadsAndDatagrams}) {
    EXPECT_EQ(outcome_of("sendto", {3, 1, 1, 0, 1, 16}, variant), notify());
    EXPECT_EQ(outcome_of("sendto", {3, 1, 1, 0, 0x100000000, 16}, variant), notify());
    EXPECT_EQ(outcome_of("sendto", {3, 1, 1, 0, 0, 16}, variant), floor_suffices());
    EXPECT_EQ(outcome_of("sendmsg", {3, 1, 0}, variant), notify());
    EXPECT_EQ(outcome_of("sendmmsg", {3, 1, 1, 0}, variant), notify());
    EXPECT_EQ(outcome_of("sendto", {3, 1, 1, MSG_FASTOPEN, 1, 16}, variant), deny(EOPNOTSUPP));
    EXPECT_EQ(outcome_of("sendmsg", {3, 1, MSG_CONFIRM}, variant), floor_suffices()) << "the listener's own way out";
    EXPECT_EQ(outcome_of("sendmsg", {3, 1, MSG_FASTOPEN}, variant), deny(EOPNOTSUPP));
    EXPECT_EQ(outcome_of("sendmsg", {3, 1, MSG_FASTOPEN | MSG_CONFIRM}, variant), deny(EOPNOTSUPP));
    EXPECT_EQ(outcome_of("sendmmsg", {3, 1, 1, MSG_FASTOPEN}, variant), deny(EOPNOTSUPP));
  }
  EXPECT_EQ(outcome_of("openat", {0, 0, O_RDONLY}, Variant::GateDatagrams), floor_suffices());
  EXPECT_EQ(outcome_of("openat", {0, 0, O_RDONLY}, Variant::GateReadsAndDatagrams), notify());
}

TEST(FilterTable, NotifiesAskingForAccessOnlyWhereWritingIsMeant) {
  for (const std::uint64_t mode : {F_OK, R_OK, X_OK, R_OK | X_OK}) {
    EXPECT_EQ(outcome_of("access", {0, mode}), floor_suffices()) << mode;
    EXPECT_EQ(outcome_of("faccessat", {0, 0, mode}), floor_suffices()) << mode;
    EXPECT_EQ(outcome_of("faccessat2", {0, 0, mode}), floor_suffices()) << mode;
    EXPECT_EQ(outcome_of("access", {0, mode | W_OK}), notify()) << mode;
    EXPECT_EQ(outcome_of("faccessat", {0, 0, mode | W_OK}), notify()) << mode;
    EXPECT_EQ(outcome_of("faccessat2", {0, 0, mode | W_OK | 0xdeadbeef00000000}), notify()) << mode;
  }
}

TEST(FilterTable, TellsIoctlsApartByTheirLow32BitsOnly) {
  for (const std::uint64_t rubbish : {0ULL, 0xffffffff00000000ULL, 0x100000000ULL}) {
    EXPECT_EQ(outcome_of("ioctl", {0, 0x5412 | rubbish}), deny(EPERM));
    EXPECT_EQ(outcome_of("ioctl", {0, 0x541c | rubbish}), deny(EPERM));
    EXPECT_EQ(outcome_of("ioctl", {0, FS_IOC_SETFLAGS | rubbish}), notify());
    EXPECT_EQ(outcome_of("ioctl", {0, FS_IOC32_SETFLAGS | rubbish}), notify());
    EXPECT_EQ(outcome_of("ioctl", {0, FS_IOC_FSSETXATTR | rubbish}), notify());
    EXPECT_EQ(outcome_of("ioctl", {0, FS_IOC_SETVERSION | rubbish}), notify());
    EXPECT_EQ(outcome_of("ioctl", {0, FS_IOC32_SETVERSION | rubbish}), notify());
    for (const std::uint64_t device : {0x8946 /* SIOCETHTOOL */, 0x89e0, 0x89f0 /* SIOCDEVPRIVATE */, 0x89ff, 0x8b00,
                                       0x8bff, 0x8927 /* SIOCGIFHWADDR */, 0x8954 /* SIOCGARP */})
      EXPECT_EQ(outcome_of("ioctl", {0, device | rubbish}), deny(EPERM));
    for (const std::uint64_t plain : {0x8905 /* SIOCATMARK */, 0x8912 /* SIOCGIFCONF */, 0x8933 /* SIOCGIFINDEX */})
      EXPECT_EQ(outcome_of("ioctl", {0, plain | rubbish}), floor_suffices());
    EXPECT_EQ(outcome_of("ioctl", {0, 0x40806685 /* FS_IOC_ENABLE_VERITY */ | rubbish}), deny(EPERM));
    EXPECT_EQ(outcome_of("fcntl", {0, 1024 /* F_SETLEASE */ | rubbish}), deny(EACCES));
    EXPECT_EQ(outcome_of("fcntl", {0, 1040 /* F_SETDELEG */ | rubbish}), deny(EACCES));
    EXPECT_EQ(outcome_of("fcntl", {0, 1025 /* F_GETLEASE */ | rubbish}), floor_suffices());
    EXPECT_EQ(outcome_of("fcntl", {0, F_DUPFD_CLOEXEC | rubbish}), floor_suffices());
    EXPECT_EQ(outcome_of("ioctl", {0, 0x5401 /* TCGETS */ | rubbish}), floor_suffices());
    EXPECT_EQ(outcome_of("ioctl", {0, 0x5410 /* TIOCSPGRP */ | rubbish}), floor_suffices());
  }
}

TEST(FilterTable, LetsThreadsAndChildrenBeMadeButNoNamespaces) {
  // What glibc's pthread_create and fork, and the spawners of the common languages, ask for.
  EXPECT_EQ(outcome_of("clone", {0x3d0f00}), floor_suffices());
  EXPECT_EQ(outcome_of("clone", {CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | 17}), floor_suffices());
  EXPECT_EQ(outcome_of("clone", {CLONE_VM | CLONE_VFORK | 17}), floor_suffices());
  for (const std::uint64_t space :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
    EXPECT_EQ(outcome_of("clone", {space | 17}), deny(EPERM)) << space;
    EXPECT_EQ(outcome_of("unshare", {space}), deny(EPERM)) << space;
  }
  EXPECT_EQ(outcome_of("unshare", {CLONE_NEWTIME}), deny(EPERM));
  EXPECT_EQ(outcome_of("unshare", {CLONE_FILES}), floor_suffices());
}

TEST(FilterTable, LetsNobodyShareAWorkingFolderAcrossProcessesOrHaveOneAThread) {
  EXPECT_EQ(outcome_of("clone", {CLONE_FS | 17}), deny(EPERM));
  EXPECT_EQ(outcome_of("clone", {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD}), deny(EPERM));
  EXPECT_EQ(outcome_of("unshare", {CLONE_FS}), deny(EPERM));
}

TEST(FilterTable, AllowsSocketsOnlyWhosePeerCanBeJudged) {
  const auto made = [](std::uint64_t family, std::uint64_t type, std::uint64_t protocol) {
    return outcome_of("socket", {family, type, protocol});
  };
  for (const std::uint64_t flags : {0, static_cast<int>(SOCK_CLOEXEC), SOCK_CLOEXEC | SOCK_NONBLOCK}) {
    EXPECT_EQ(made(AF_UNIX, SOCK_STREAM | flags, 0), floor_suffices());
    EXPECT_EQ(made(AF_UNIX, SOCK_SEQPACKET | flags, 0), floor_suffices());
    EXPECT_EQ(made(AF_UNIX, SOCK_DGRAM | flags, 0), deny(EACCES));
    EXPECT_EQ(made(AF_UNIX, SOCK_RAW | flags, 0), deny(EACCES));
    for (const std::uint64_t family : {AF_INET, AF_INET6}) {
      EXPECT_EQ(made(family, SOCK_STREAM | flags, 0), floor_suffices());
      EXPECT_EQ(made(family, SOCK_STREAM | flags, IPPROTO_TCP), floor_suffices());
      EXPECT_EQ(made(family, SOCK_DGRAM | flags, 0), floor_suffices());
      EXPECT_EQ(made(family, SOCK_DGRAM | flags, IPPROTO_UDP), floor_suffices());
      EXPECT_EQ(made(family, SOCK_DGRAM | flags, IPPROTO_ICMP), deny(EPROTONOSUPPORT));
      EXPECT_EQ(made(family, SOCK_DGRAM | flags, IPPROTO_ICMPV6), deny(EPROTONOSUPPORT));
      EXPECT_EQ(made(family, SOCK_STREAM | flags, 262 /* MPTCP */), deny(EPROTONOSUPPORT));
      EXPECT_EQ(made(family, SOCK_STREAM | flags, IPPROTO_SCTP), deny(EPROTONOSUPPORT));
      EXPECT_EQ(made(family, SOCK_RAW | flags, IPPROTO_TCP), deny(EPROTONOSUPPORT));
      EXPECT_EQ(made(family, 10 /* SOCK_PACKET */ | flags, 0), deny(EPROTONOSUPPORT));
    }
    EXPECT_EQ(made(AF_NETLINK, SOCK_RAW | flags, 0), floor_suffices());
    EXPECT_EQ(made(AF_NETLINK, SOCK_RAW | flags, 12 /* NETFILTER */), deny(EPROTONOSUPPORT));
  }
  for (const std::uint64_t family :
       {AF_PACKET, AF_VSOCK, AF_ALG, AF_TIPC, AF_BLUETOOTH, AF_XDP, AF_RDS, 43 /* SMC */}) {
    EXPECT_EQ(made(family, SOCK_STREAM, 0), deny(EAFNOSUPPORT)) << family;
  }
  EXPECT_EQ(outcome_of("socketpair", {AF_UNIX, SOCK_STREAM}), floor_suffices());
  EXPECT_EQ(outcome_of("socketpair", {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC}), floor_suffices());
  EXPECT_EQ(outcome_of("socketpair", {AF_UNIX, SOCK_DGRAM}), deny(EACCES));
  EXPECT_EQ(outcome_of("socketpair", {AF_TIPC, SOCK_STREAM}), deny(EAFNOSUPPORT));
}

TEST(FilterTable, SeesEveryConnectThatRegistersCanShow) {
  EXPECT_EQ(outcome_of("sendto", {3, 1, 1, 0, 0, 0}), floor_suffices());
  EXPECT_EQ(outcome_of("sendto", {3, 1, 1, 0, 0x7f0000000000, 16}), floor_suffices());
  EXPECT_EQ(outcome_of("sendto", {3, 1, 1, MSG_FASTOPEN, 0x1000, 16}), deny(EOPNOTSUPP));
  EXPECT_EQ(outcome_of("sendmsg", {3, 1, MSG_FASTOPEN | MSG_NOSIGNAL}), deny(EOPNOTSUPP));
  EXPECT_EQ(outcome_of("sendmsg", {3, 1, MSG_NOSIGNAL}), floor_suffices());
  EXPECT_EQ(outcome_of("sendmmsg", {3, 1, 1, MSG_FASTOPEN}), deny(EOPNOTSUPP));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_TCP, 30}), deny(ENOPROTOOPT));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_TCP, 1}), floor_suffices());
  EXPECT_EQ(outcome_of("setsockopt", {3, SOL_SOCKET, 30}), floor_suffices());
}

TEST(FilterTable, LetsNoOptionTurnAnAllowedConnectionElsewhere) {
  for (const std::uint64_t name : {SO_BINDTODEVICE, SO_MARK, 62 /* SO_BINDTOIFINDEX */}) {
    EXPECT_EQ(outcome_of("setsockopt", {3, SOL_SOCKET, name}), deny(EPERM)) << name;
    EXPECT_EQ(outcome_of("setsockopt", {3, 0xffffffff00000000 | SOL_SOCKET, 0x100000000 | name}), deny(EPERM)) << name;
  }
  for (const std::uint64_t name : {IPV6_PKTINFO, IPV6_RTHDR, IPV6_HOPOPTS, IPV6_DSTOPTS, IPV6_RTHDRDSTOPTS, 5, 6, 76}) {
    EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_IPV6, name}), deny(EPERM)) << name;
  }
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_IP, IP_OPTIONS}), deny(EPERM));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_TCP, 31 /* TCP_ULP */}), deny(ENOPROTOOPT));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_TCP, 19 /* TCP_REPAIR */}), deny(EPERM));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_IP, MCAST_JOIN_GROUP}), deny(ENODEV));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP}), deny(ENODEV));
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_IP, IP_TOS}), floor_suffices());
  EXPECT_EQ(outcome_of("setsockopt", {3, IPPROTO_IPV6, IPV6_V6ONLY}), floor_suffices());
  EXPECT_EQ(outcome_of("setsockopt", {3, SOL_SOCKET, SO_KEEPALIVE}), floor_suffices());
}

TEST(FilterTable, LetsProgramsFilterThemselvesButNotListen) {
  EXPECT_EQ(outcome_of("seccomp", {1, 0, 0x1000}), floor_suffices());
  EXPECT_EQ(outcome_of("seccomp", {1, SECCOMP_FILTER_FLAG_TSYNC, 0x1000}), floor_suffices());
  EXPECT_EQ(outcome_of("seccomp", {1, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0x1000}), deny(EPERM));
  EXPECT_EQ(outcome_of("seccomp", {1, 0xffffffff00000008, 0x1000}), deny(EPERM));
}

TEST(FilterTable, DeniesForeignAbisAndUnknownNumbers) {
  EXPECT_EQ(treat({AUDIT_ARCH_I386, 0, {}}), deny(ENOSYS));
  EXPECT_EQ(treat({AUDIT_ARCH_AARCH64, 0, {}}), deny(ENOSYS));
  EXPECT_EQ(treat({AUDIT_ARCH_X86_64, 0x40000000, {}}), deny(ENOSYS));
  EXPECT_EQ(treat({AUDIT_ARCH_X86_64, kNewestNumber + 1, {}}), deny(ENOSYS));
  EXPECT_EQ(treat({AUDIT_ARCH_X86_64, 0xffffffff, {}}), deny(ENOSYS));
}

}  // namespace
}  // namespace assent::filter
