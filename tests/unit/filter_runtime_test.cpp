// The filter in the kernel: each forbidden act is tried in a forked child under the real program. Nobody listens there,
// so a notified call comes back with ENOSYS. Beside each act stands its control: the same without the filter gets
// elsewhere.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "filter/conditions.h"
#include "filter/filter.h"

namespace assent::filter {
namespace {

enum class Filter { None, Installed };

constexpr int kNoChild = 250;   // the child could not be set up
constexpr int kDied = 251;      // it ended by a signal
constexpr int kUnderstood = 0;  // the act succeeded; otherwise its errno

// What `act` (which returns like a system call does) makes of errno, in a child of its own.
int error_of(Filter filter, const std::function<long()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (filter == Filter::Installed) {
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(kNoChild);
      auto listener = install(program(Variant::Normal));
      if (!listener) ::_exit(kNoChild);
    }
    errno = 0;
    const long result = act();
    ::_exit(result < 0 ? errno : kUnderstood);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return kNoChild;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kDied;
}

#define EXPECT_STOPPED(error, act)                    \
  EXPECT_EQ(error_of(Filter::Installed, act), error); \
  EXPECT_NE(error_of(Filter::None, act), error) << "the control must get elsewhere"

// A call through int 0x80: the kernel sees AUDIT_ARCH_I386 and that table's numbers.
long call_i386(long number, long first = 0, long second = 0) {
  long result = 0;
  asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second) : "memory", "r8", "r9", "r10", "r11");
  if (result < 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

TEST(FilterRuntime, CarriesNothingOutThroughInt0x80) {
  const auto getpid_i386 = [] { return call_i386(20); };
  if (error_of(Filter::None, getpid_i386) != kUnderstood) GTEST_SKIP() << "this kernel has no int 0x80";
  EXPECT_STOPPED(ENOSYS, getpid_i386);
  // umask there has the number of rt_sigsuspend's neighbour here; what counts is that it changes nothing.
  EXPECT_EQ(error_of(Filter::Installed,
                     [] {
                       ::syscall(SYS_getpid);
                       call_i386(60, 0777);
                       return call_i386(1, 0) < 0 && errno == ENOSYS ? 0L : -1L;  // not even exit
                     }),
            kUnderstood);
}

TEST(FilterRuntime, CarriesNothingOutThroughX32) {
  // A kernel without x32 gives ENOSYS too, so there is no control; the interpreter's tests tell the two apart.
  EXPECT_EQ(error_of(Filter::Installed, [] { return ::syscall(0x40000000 | SYS_getpid); }), ENOSYS);
  EXPECT_EQ(error_of(Filter::Installed, [] { return ::syscall(0x40000000 | 512, 0, 0, 0); }), ENOSYS);
}

TEST(FilterRuntime, KnowsNoIoUring) {
  // EFAULT without the filter (EPERM where it is switched off).
  EXPECT_STOPPED(ENOSYS, [] { return ::syscall(SYS_io_uring_setup, 8, nullptr); });
  EXPECT_STOPPED(ENOSYS, [] { return ::syscall(SYS_io_uring_register, -1, 0, nullptr, 0); });
}

TEST(FilterRuntime, KnowsNoClone3SoThatLibrariesFallBack) {
  EXPECT_STOPPED(ENOSYS, [] { return ::syscall(SYS_clone3, nullptr, 0); });
  EXPECT_EQ(error_of(Filter::Installed,
                     [] {
                       const pid_t child = ::fork();
                       if (child == 0) ::_exit(0);
                       return static_cast<long>(::waitpid(child, nullptr, 0) == child ? 0 : -1);
                     }),
            kUnderstood);
}

TEST(FilterRuntime, StopsTypingIntoTheTerminalWithRubbishInTheHighBitsToo) {
  const int terminal = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  for (const unsigned long rubbish : {0UL, 0x100000000UL, 0xffffffff00000000UL}) {
    const auto type = [=] { return ::syscall(SYS_ioctl, terminal, 0x5412UL | rubbish, "x"); };
    EXPECT_EQ(error_of(Filter::Installed, type), EPERM);
    const auto paste = [=] { return ::syscall(SYS_ioctl, terminal, 0x541cUL | rubbish, "\x02"); };
    EXPECT_EQ(error_of(Filter::Installed, paste), EPERM);
    const auto harmless = [=] {
      int waiting = 0;
      return ::syscall(SYS_ioctl, terminal, static_cast<unsigned long>(FIONREAD) | rubbish, &waiting);
    };
    EXPECT_EQ(error_of(Filter::Installed, harmless), kUnderstood);
  }
  // The control: the kernel does look at the low 32 bits alone, so a filter that did otherwise would be passed.
  const auto pass = [=] { return ::syscall(SYS_ioctl, terminal, 0xffffffff00005412UL, nullptr); };
  const int native = error_of(Filter::None, pass);
  EXPECT_TRUE(native == EFAULT || native == EIO || native == EPERM) << native;
  EXPECT_NE(native, ENOTTY) << "the kernel would have to look at the high bits for this";
  ::close(terminal);
}

TEST(FilterRuntime, StopsNamespaces) {
  EXPECT_STOPPED(EPERM, [] { return static_cast<long>(::unshare(CLONE_NEWUSER)); });
  EXPECT_EQ(error_of(Filter::Installed, [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }),
            EPERM);
  EXPECT_EQ(error_of(Filter::Installed,
                     [] { return ::syscall(SYS_clone, 0xffffffff00000000UL | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0); }),
            EPERM);
  EXPECT_STOPPED(EPERM, [] { return ::syscall(SYS_setns, -1, 0); });
}

TEST(FilterRuntime, StopsASecondListenerButNotAFilter) {
  static sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  static const sock_fprog whole{1, &allow};
  EXPECT_EQ(
      error_of(Filter::Installed, [] { return ::syscall(SYS_seccomp, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER, &whole); }),
      EPERM);
  EXPECT_EQ(error_of(Filter::Installed, [] { return ::syscall(SYS_seccomp, 1, 0, &whole); }), kUnderstood);
  EXPECT_EQ(error_of(Filter::Installed,
                     [] { return static_cast<long>(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole)); }),
            kUnderstood);
}

TEST(FilterRuntime, CarriesOutNoNotifiedCallThatAFilterOfTheAgentsOwnAllows) {
  EXPECT_EQ(error_of(Filter::Installed,
                     [] {
                       sock_filter verdict{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
                       const sock_fprog whole{1, &verdict};
                       if (::syscall(SYS_seccomp, 1, 0, &whole) != 0) return 0L;
                       return static_cast<long>(::rmdir("/nonexistent"));
                     }),
            ENOSYS);
}

// A newer filter's RET_USER_NOTIF takes the place of ours (the verdicts are equal, the newest wins), and RET_TRACE and
// RET_LOG are weaker than ours. With nobody listening to the agent's own filter the call must still not happen.
TEST(FilterRuntime, CarriesOutNoNotifiedCallWhateverAFilterOfTheAgentsOwnSays) {
  for (const std::uint32_t verdict : {SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG}) {
    EXPECT_EQ(error_of(Filter::Installed,
                       [verdict] {
                         sock_filter program[] = {
                             {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                             {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_rmdir},
                             {BPF_RET | BPF_K, 0, 0, verdict},
                             {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
                         };
                         const sock_fprog whole{4, program};
                         if (::syscall(SYS_seccomp, 1, 0, &whole) != 0) return 0L;
                         return static_cast<long>(::rmdir("/nonexistent"));
                       }),
              ENOSYS)
        << verdict;
  }
}

TEST(FilterRuntime, StopsSocketsWhosePeerCannotBeJudged) {
  EXPECT_STOPPED(EACCES, [] { return static_cast<long>(::socket(AF_UNIX, SOCK_DGRAM, 0)); });
  EXPECT_STOPPED(EACCES, [] { return static_cast<long>(::socket(AF_UNIX, SOCK_RAW, 0)); });
  EXPECT_STOPPED(EACCES, [] {
    int pair[2];
    return static_cast<long>(::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  });
  EXPECT_STOPPED(EAFNOSUPPORT, [] { return static_cast<long>(::socket(AF_PACKET, SOCK_DGRAM, 0)); });
  EXPECT_EQ(error_of(Filter::Installed, [] { return static_cast<long>(::socket(AF_INET, SOCK_STREAM, 262)); }),
            EPROTONOSUPPORT);
  EXPECT_EQ(error_of(Filter::Installed, [] { return static_cast<long>(::socket(AF_UNIX, SOCK_STREAM, 0)); }),
            kUnderstood);
  EXPECT_EQ(
      error_of(Filter::Installed, [] { return static_cast<long>(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }),
      kUnderstood);
}

TEST(FilterRuntime, LeavesPathDescriptorsAndReadingToTheFloor) {
  EXPECT_EQ(error_of(Filter::Installed, [] { return static_cast<long>(::open("/", O_RDONLY | O_DIRECTORY)); }),
            kUnderstood);
  EXPECT_EQ(error_of(Filter::Installed, [] { return static_cast<long>(::open("/etc/passwd", O_RDWR)); }), ENOSYS);
}

// Why O_PATH may pass with writing bits beside it: the kernel drops them.
TEST(FilterRuntime, LetsNothingBeWrittenOrCreatedThroughAPathDescriptor) {
  char name[] = "/tmp/assent-filter-XXXXXX";
  const int made = ::mkstemp(name);
  ASSERT_GE(made, 0);
  ASSERT_EQ(::write(made, "kept", 4), 4);
  const int path = ::open(name, O_PATH | O_RDWR | O_TRUNC | O_CREAT, 0600);
  ASSERT_GE(path, 0);
  EXPECT_EQ(::write(path, "x", 1), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(::lseek(made, 0, SEEK_END), 4);
  ASSERT_EQ(::unlink(name), 0);
  EXPECT_EQ(::open(name, O_PATH | O_RDWR | O_CREAT, 0600), -1);
  EXPECT_EQ(errno, ENOENT);
  ::close(path);
  ::close(made);
}

TEST(FilterRuntime, RefusesAThreadWithAWorkingFolderOfItsOwn) {
  EXPECT_STOPPED(EPERM, [] { return static_cast<long>(::unshare(CLONE_FS)); });
  EXPECT_EQ(error_of(Filter::Installed, [] { return ::syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0); }), EPERM);
}

TEST(FilterRuntime, RefusesASecondInstallationOverTheFirst) {
  EXPECT_EQ(error_of(Filter::Installed,
                     [] {
                       auto again = install(program(Variant::Normal));
                       errno = again ? 0 : again.error().code;
                       return again ? 0L : -1L;
                     }),
            EPERM);
}

}  // namespace
}  // namespace assent::filter
