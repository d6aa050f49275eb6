// What the design takes for granted about the kernel, each fact tried. Where one of these fails, code that relies on it
// is wrong on this kernel, whatever the other tests say. Raw system calls on purpose: nothing of ours stands between.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <thread>

#include "base/kernel_abi.h"
#include "support/watched_child.h"

namespace assent {
namespace {

using test::install_notifying_filter;
using test::Signals;
using test::WatchedChild;

long asked() {
  const long result = ::syscall(SYS_getpid);
  return result < 0 ? -errno : result;
}

seccomp_notif received(int listener) {
  seccomp_notif notification{};
  EXPECT_EQ(::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification), 0) << errno;
  return notification;
}

int answered(int listener, std::uint64_t id, std::int64_t value) {
  seccomp_notif_resp response{};
  response.id = id;
  response.val = value;
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0 ? 0 : errno;
}

bool valid(int listener, std::uint64_t id) { return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

// In a child, so that the filter does not stay over the test.
int exit_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(KernelTruth, AListenerCanBeMadeThatOnlyDeadlySignalsInterrupt) {
  EXPECT_EQ(exit_of([] { return install_notifying_filter({SYS_getpid}, Signals::WaitKillable) >= 0 ? 0 : errno; }), 0);
}

TEST(KernelTruth, TheListenerIsClosedByExec) {
  EXPECT_EQ(exit_of([] {
              const int listener = install_notifying_filter({SYS_getpid}, Signals::WaitKillable);
              return ::fcntl(listener, F_GETFD) == FD_CLOEXEC ? 0 : 1;
            }),
            0);
}

TEST(KernelTruth, OnlyOneListenerCanStandOverAProcess) {
  EXPECT_EQ(exit_of([] {
              install_notifying_filter({SYS_getppid}, Signals::WaitKillable);
              return install_notifying_filter({SYS_getppid}, Signals::WaitKillable) < 0 ? errno : 0;
            }),
            EBUSY);
}

TEST(KernelTruth, TheCallerCanBeWokenOnOurOwnCpu) {
  WatchedChild child({SYS_getpid}, [] { return 0; });
  const UniqueFd listener = child.take_listener();
  if (::ioctl(listener.get(), abi::kIoctlNotifSetFlags, abi::kFdSyncWakeUp) != 0) {
    GTEST_SKIP() << "before Linux 6.6; slower, not weaker";
  }
}

TEST(KernelTruth, ThePidOfANotificationIsAThreadId) {
  WatchedChild child({SYS_getpid}, [] {
    std::thread([] { ::syscall(SYS_getpid, ::gettid()); }).join();
    return 0;
  });
  const UniqueFd listener = child.take_listener();
  const auto call = received(listener.get());
  EXPECT_NE(static_cast<pid_t>(call.pid), child.pid());
  EXPECT_EQ(call.pid, call.data.args[0]);
  EXPECT_EQ(answered(listener.get(), call.id, 0), 0);
  EXPECT_EQ(child.wait(), 0);
}

TEST(KernelTruth, AFailedPlacingOfADescriptorLeavesTheCallAnswerable) {
  WatchedChild child({SYS_getpid}, [] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    return asked() == 42 ? 0 : 1;
  });
  const UniqueFd listener = child.take_listener();
  const auto call = received(listener.get());
  seccomp_notif_addfd request{};
  request.id = call.id;
  request.flags = SECCOMP_ADDFD_FLAG_SEND;
  request.srcfd = 0;
  EXPECT_EQ(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request), -1);
  EXPECT_EQ(errno, EMFILE);
  EXPECT_TRUE(valid(listener.get(), call.id));
  EXPECT_EQ(answered(listener.get(), call.id, 42), 0);
  EXPECT_EQ(child.wait(), 0);
}

// A received call is not interrupted by a signal that has a handler, nor stopped; a deadly one ends it.
TEST(KernelTruth, AReceivedCallWaitsThroughSignalsButDiesOfADeadlyOne) {
  for (const bool deadly : {false, true}) {
    WatchedChild child({SYS_getpid}, [] {
      static std::atomic<int> handled = 0;
      struct sigaction action {};
      action.sa_handler = [](int) { ++handled; };
      ::sigaction(SIGUSR1, &action, nullptr);  // without SA_RESTART: an interrupted call would say EINTR
      return asked() == 42 && handled == 1 ? 0 : 1;
    });
    const UniqueFd listener = child.take_listener();
    const auto call = received(listener.get());
    child.signal(deadly ? SIGKILL : SIGUSR1);
    if (deadly) {
      EXPECT_EQ(child.wait(), 1000 + SIGKILL);
      EXPECT_FALSE(valid(listener.get(), call.id));
      EXPECT_EQ(answered(listener.get(), call.id, 42), ENOENT);
    } else {
      ::usleep(20'000);
      EXPECT_TRUE(valid(listener.get(), call.id));
      EXPECT_EQ(answered(listener.get(), call.id, 42), 0);
      EXPECT_EQ(child.wait(), 0);
    }
  }
}

TEST(KernelTruth, ACallThatNobodyHasReceivedYetIsInterrupted) {
  WatchedChild child({SYS_getpid}, [] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    return asked() == -EINTR ? 0 : 1;
  });
  const UniqueFd listener = child.take_listener();
  pollfd waiting{listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  child.signal(SIGUSR1);
  EXPECT_EQ(child.wait(), 0);
}

TEST(KernelTruth, WithNobodyListeningPendingAndLaterCallsSayThatTheyDoNotExist) {
  WatchedChild child({SYS_getpid}, [] { return asked() == -ENOSYS && asked() == -ENOSYS ? 0 : 1; });
  UniqueFd listener = child.take_listener();
  received(listener.get());
  listener.reset();
  EXPECT_EQ(child.wait(), 0);
}

TEST(KernelTruth, TheListenerHangsUpWhenTheLastUserIsGone) {
  WatchedChild child({SYS_getpid}, [] { return 0; });
  const UniqueFd listener = child.take_listener();
  EXPECT_EQ(child.wait(), 0);
  pollfd waiting{listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  EXPECT_NE(waiting.revents & POLLHUP, 0);
}

TEST(KernelTruth, AContinuedCallTakesItsPointersAgain) {
  // Why Continue needs a proof: what was read is not what the kernel then uses.
  static char* name =
      static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::strcpy(name, "/nonexistent");
  WatchedChild child({SYS_access}, [] { return ::syscall(SYS_access, name, F_OK) == 0 ? 0 : 1; });
  const UniqueFd listener = child.take_listener();
  const auto call = received(listener.get());
  std::strcpy(name, "/");
  seccomp_notif_resp response{};
  response.id = call.id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  EXPECT_EQ(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
  EXPECT_EQ(child.wait(), 0);
}

TEST(KernelTruth, DescriptorsAndFlagsAreTheLow32BitsOfTheirRegisters) {
  const long fd = ::syscall(SYS_openat, 0xdeadbeef00000000UL | static_cast<std::uint32_t>(AT_FDCWD), ".",
                            0xdeadbeef00000000UL | O_RDONLY | O_CLOEXEC, 0);
  EXPECT_GE(fd, 0);
  ::close(static_cast<int>(fd));
}

TEST(KernelTruth, ReadingRemoteMemoryStopsAtTheFirstPageThatIsNotThere) {
  const long page = ::sysconf(_SC_PAGESIZE);
  char* two = static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  std::memset(two, 'x', 2 * page);
  ASSERT_EQ(::munmap(two + page, page), 0);
  std::array<char, 64> out{};
  iovec local{out.data(), out.size()};
  // One piece across the border gives nothing or the part before it; a piece that ends there is whole.
  iovec across{two + page - 16, 32};
  const ssize_t n = ::process_vm_readv(::getpid(), &local, 1, &across, 1, 0);
  EXPECT_TRUE(n == 16 || (n == -1 && errno == EFAULT)) << n;
  iovec to_the_end{two + page - 16, 16};
  EXPECT_EQ(::process_vm_readv(::getpid(), &local, 1, &to_the_end, 1, 0), 16);
  iovec beyond{two + page, 1};
  EXPECT_EQ(::process_vm_readv(::getpid(), &local, 1, &beyond, 1, 0), -1);
  EXPECT_EQ(errno, EFAULT);
  ::munmap(two, page);
}

TEST(KernelTruth, APathWithoutAnEndInItsPageIsEfaultAndOneThatIsTooLongIsEnametoolong) {
  const long page = ::sysconf(_SC_PAGESIZE);
  char* two = static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  std::memset(two, 'x', 2 * page);
  ASSERT_EQ(::munmap(two + page, page), 0);
  EXPECT_EQ(::access(two + page - 16, F_OK), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(::access(std::string(PATH_MAX, 'x').c_str(), F_OK), -1);
  EXPECT_EQ(errno, ENAMETOOLONG);
  std::string longest = "/";
  while (longest.size() + 2 < PATH_MAX) longest += "./";
  EXPECT_EQ(::access(longest.substr(0, PATH_MAX - 1).c_str(), F_OK), 0);
  ::munmap(two, page);
}

TEST(KernelTruth, AStoppedCallersMemoryCanBeReadByItsSupervisor) {
  WatchedChild child({SYS_getpid}, [] {
    const char text[] = "the name";
    ::syscall(SYS_getpid, text);
    return 0;
  });
  const UniqueFd listener = child.take_listener();
  const auto call = received(listener.get());
  std::array<char, 9> out{};
  iovec local{out.data(), out.size()};
  iovec remote{reinterpret_cast<void*>(call.data.args[0]), out.size()};
  EXPECT_EQ(::process_vm_readv(static_cast<pid_t>(call.pid), &local, 1, &remote, 1, 0), 9);
  EXPECT_STREQ(out.data(), "the name");
  EXPECT_EQ(answered(listener.get(), call.id, 0), 0);
  EXPECT_EQ(child.wait(), 0);
}

TEST(KernelTruth, ADefaultAclMakesTheUmaskNotApply) {
  char folder[] = "/tmp/assent-truth-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  // version 2; owner rwx, group rwx, others rwx
  const unsigned char acl[] = {2, 0, 0,    0,    1,    0,    7,    0, 0xff, 0xff, 0xff, 0xff, 4,    0,
                               7, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 7,    0,    0xff, 0xff, 0xff, 0xff};
  const std::string file = std::string(folder) + "/file";
  if (::setxattr(folder, "system.posix_acl_default", acl, sizeof acl, 0) != 0) {
    ::rmdir(folder);
    GTEST_SKIP() << "no ACLs in /tmp";
  }
  const mode_t before = ::umask(077);
  const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  ::umask(before);
  struct stat stat {};
  EXPECT_EQ(::fstat(fd, &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0666U);  // not 0600
  ::close(fd);
  ::unlink(file.c_str());
  ::rmdir(folder);
}

TEST(KernelTruth, TheProcSelfLinksMeanWhoeverAsks) {
  WatchedChild child({SYS_getpid}, [] {
    ::syscall(SYS_getpid);
    return 0;
  });
  const UniqueFd listener = child.take_listener();
  const auto call = received(listener.get());
  std::array<char, 32> out{};
  ASSERT_GT(::readlink("/proc/self", out.data(), out.size() - 1), 0);
  EXPECT_EQ(std::stoi(out.data()), ::getpid());
  EXPECT_NE(std::stoi(out.data()), static_cast<int>(call.pid));
  EXPECT_EQ(answered(listener.get(), call.id, 0), 0);
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace assent
