// The kernel is the measure: every call with a bad flag, size or pointer is made natively in an empty folder, and
// decode must give the same errno; where the kernel finds nothing wrong with the arguments, decode must not either.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/xattr.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "base/kernel_abi.h"
#include "decode_native.h"

namespace assent::decode {
namespace {

class KernelErrors : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/assent-decode-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    before_ = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(::chdir(path), 0);
    file_ = ::open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    ASSERT_GE(file_, 0);
    ASSERT_EQ(::mkdir("folder", 0755), 0);
    ASSERT_EQ(::symlink("file", "symlink"), 0);
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    hole_ =
        static_cast<char*>(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) + 4096;
    ::munmap(hole_, 4096);
    // A plain user's errors are the measure.
    if (::geteuid() == 0) {
      ASSERT_EQ(::fchmodat(AT_FDCWD, ".", 0777, 0), 0);
    }
  }
  void TearDown() override {
    ::close(file_);
    ::close(socket_);
    ASSERT_EQ(::fchdir(before_), 0);
    ::close(before_);
    ::munmap(hole_ - 4096, 4096);
    ASSERT_EQ(std::system(("rm -rf " + path_).c_str()), 0);
  }

  // The errno the kernel gives, 0 where it does the act.
  static int native(const Call& c) {
    const auto& a = c.arguments;
    const long result = ::syscall(c.number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result < 0 ? errno : 0;
  }
  // What is wrong with an argument, but is said only after the old name was looked at.
  static int said_later(const Action& action) {
    if (const auto* act = std::get_if<Rename>(&action)) return act->to_error;
    if (const auto* act = std::get_if<Link>(&action)) return act->to_error;
    return 0;
  }
  static bool kernel_has(int number) { return ::syscall(number, -1, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS; }

  template <class... T>
  void same_error(int expected, int number, T... arguments) {
    if (!kernel_has(number)) return;
    const Call c = call(number, arguments...);
    const auto action = decoded(c);
    const int ours = action ? said_later(*action) : action.error().code;
    EXPECT_EQ(ours, expected) << call_name(number) << " " << (action ? "" : action.error().what);
    const int theirs = native(c);
    if (expected == 0 && theirs == EOPNOTSUPP) return;  // nothing wrong with the arguments, but with the file system
    if (theirs == of_older_kernels_) return;
    EXPECT_EQ(theirs, expected) << call_name(number) << ": the kernel itself";
  }
  // The kernel has changed which of two faults it names: what it says may also be `older`.
  template <class... T>
  void same_error_but_older(int older, int expected, int number, T... arguments) {
    of_older_kernels_ = older;
    same_error(expected, number, arguments...);
    of_older_kernels_ = -1;
  }

  // A fresh page whose last `text.size()` bytes are `text`, before a hole.
  const char* at_hole(const std::string& text) {
    std::memcpy(hole_ - text.size(), text.data(), text.size());
    return hole_ - text.size();
  }

  std::string path_;
  int before_ = -1;
  int file_ = -1;
  int socket_ = -1;
  int of_older_kernels_ = -1;
  char* hole_ = nullptr;
  const std::string long_ = std::string(4096, 'l');
};

constexpr int kCwd = AT_FDCWD;

TEST_F(KernelErrors, OfBadPathsAreTheSameForEveryCallWithAPath) {
  const std::vector<std::function<void(int, const char*)>> calls = {
      [&](int e, const char* p) { same_error(e, SYS_unlinkat, kCwd, p, 0); },
      [&](int e, const char* p) { same_error(e, SYS_unlinkat, kCwd, p, AT_REMOVEDIR); },
      [&](int e, const char* p) { same_error(e, SYS_renameat2, kCwd, p, kCwd, "to", 0); },
      [&](int e, const char* p) { same_error(e, SYS_renameat2, kCwd, "file", kCwd, p, 0); },
      [&](int e, const char* p) { same_error(e, SYS_truncate, p, 0); },
      [&](int e, const char* p) { same_error(e, SYS_openat, kCwd, p, O_RDWR); },
      [&](int e, const char* p) { same_error(e, SYS_openat, kCwd, p, O_RDWR | O_CREAT, 0600); },
      [&](int e, const char* p) { same_error(e, SYS_linkat, kCwd, p, kCwd, "to", 0); },
      [&](int e, const char* p) { same_error(e, SYS_linkat, kCwd, "file", kCwd, p, 0); },
      [&](int e, const char* p) { same_error(e, SYS_symlinkat, p, kCwd, "to"); },
      [&](int e, const char* p) { same_error(e, SYS_symlinkat, "target", kCwd, p); },
      [&](int e, const char* p) { same_error(e, SYS_mkdirat, kCwd, p, 0700); },
      [&](int e, const char* p) { same_error(e, SYS_mknodat, kCwd, p, S_IFREG | 0600, 0); },
      [&](int e, const char* p) { same_error(e, SYS_fchmodat, kCwd, p, 0600); },
      [&](int e, const char* p) { same_error(e, abi::kSysFchmodat2, kCwd, p, 0600, 0); },
      [&](int e, const char* p) { same_error(e, SYS_fchownat, kCwd, p, -1, -1, 0); },
      [&](int e, const char* p) { same_error(e, SYS_utimensat, kCwd, p, nullptr, 0); },
      [&](int e, const char* p) { same_error(e, SYS_setxattr, p, "user.a", "v", 1, 0); },
      [&](int e, const char* p) { same_error(e, SYS_lsetxattr, p, "user.a", "v", 1, 0); },
      [&](int e, const char* p) { same_error(e, SYS_removexattr, p, "user.a"); },
      [&](int e, const char* p) { same_error(e, SYS_lremovexattr, p, "user.a"); },
      [&](int e, const char* p) { same_error(e, abi::kSysRemovexattrat, kCwd, p, 0, "user.a"); },
      [&](int e, const char* p) { same_error(e, SYS_execve, p, nullptr, nullptr); },
      [&](int e, const char* p) { same_error(e, SYS_execveat, kCwd, p, nullptr, nullptr, 0); },
#ifdef SYS_unlink
      [&](int e, const char* p) { same_error(e, SYS_unlink, p); },
      [&](int e, const char* p) { same_error(e, SYS_rmdir, p); },
      [&](int e, const char* p) { same_error(e, SYS_rename, p, "to"); },
      [&](int e, const char* p) { same_error(e, SYS_rename, "file", p); },
      [&](int e, const char* p) { same_error(e, SYS_renameat, kCwd, p, kCwd, "to"); },
      [&](int e, const char* p) { same_error(e, SYS_creat, p, 0600); },
      [&](int e, const char* p) { same_error(e, SYS_open, p, O_RDWR); },
      [&](int e, const char* p) { same_error(e, SYS_link, p, "to"); },
      [&](int e, const char* p) { same_error(e, SYS_symlink, "target", p); },
      [&](int e, const char* p) { same_error(e, SYS_mkdir, p, 0700); },
      [&](int e, const char* p) { same_error(e, SYS_mknod, p, S_IFREG | 0600, 0); },
      [&](int e, const char* p) { same_error(e, SYS_chmod, p, 0600); },
      [&](int e, const char* p) { same_error(e, SYS_chown, p, -1, -1); },
      [&](int e, const char* p) { same_error(e, SYS_lchown, p, -1, -1); },
      [&](int e, const char* p) { same_error(e, SYS_utime, p, nullptr); },
      [&](int e, const char* p) { same_error(e, SYS_utimes, p, nullptr); },
      [&](int e, const char* p) { same_error(e, SYS_futimesat, kCwd, p, nullptr); },
#endif
  };
  for (const auto& check : calls) {
    check(ENOENT, "");
    check(EFAULT, nullptr);
    check(EFAULT, reinterpret_cast<const char*>(16));
    check(EFAULT, at_hole("no-end"));
    check(ENAMETOOLONG, long_.c_str());
  }
}

TEST_F(KernelErrors, OfUnknownFlagsAreTheSame) {
  same_error(EINVAL, SYS_unlinkat, kCwd, "file", 1);
  same_error(EINVAL, SYS_unlinkat, kCwd, nullptr, AT_REMOVEDIR | AT_SYMLINK_NOFOLLOW);
  same_error(EINVAL, SYS_unlinkat, kCwd, "file", AT_EMPTY_PATH);
  for (unsigned flags : {8U, 0x80000000U, 3U, 6U, 7U}) {
    same_error(EINVAL, SYS_renameat2, kCwd, "file", kCwd, "to", flags);
    same_error(EINVAL, SYS_renameat2, kCwd, nullptr, kCwd, nullptr, flags);
  }
  same_error(EINVAL, SYS_linkat, kCwd, "file", kCwd, "to", AT_SYMLINK_NOFOLLOW);
  same_error(EINVAL, SYS_linkat, kCwd, nullptr, kCwd, "to", 0x8000);
  for (unsigned flags : {1U, 0x200U, 0x400U, 0x800U, 0x80000000U}) {
    same_error(EINVAL, abi::kSysFchmodat2, kCwd, "file", 0600, flags);
    same_error(EINVAL, SYS_fchownat, kCwd, "file", -1, -1, flags);
    same_error(EINVAL, SYS_utimensat, kCwd, "file", nullptr, flags);
    same_error(EINVAL, abi::kSysRemovexattrat, kCwd, "file", flags, "user.a");
    same_error(EINVAL, SYS_execveat, kCwd, "file", nullptr, nullptr, flags);
  }
  same_error(EINVAL, SYS_setxattr, "file", "user.a", "v", 1, 4);
  same_error(EINVAL, SYS_fsetxattr, file_, "user.a", "v", 1, 0x80000000U);
}

TEST_F(KernelErrors, OfOpenFlagsAreTheSame) {
  // Before 6.4 the kernel made a file and then failed with ENOTDIR; refusing at once is the same on every kernel.
  EXPECT_EQ(expect_error(SYS_openat, kCwd, "new", O_CREAT | O_DIRECTORY | O_RDWR, 0600), EINVAL);
  same_error(EINVAL, SYS_openat, kCwd, ".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600);
  same_error(EINVAL, SYS_openat, kCwd, ".", O_TMPFILE | O_RDONLY, 0600);
  same_error(EINVAL, SYS_openat, kCwd, nullptr, O_TMPFILE | O_RDONLY, 0600);
  same_error(0, SYS_openat, kCwd, ".", O_TMPFILE | O_RDWR, 0600);
  same_error(0, SYS_openat, kCwd, "file", O_PATH | O_RDWR | O_TRUNC | O_CREAT, 0600);
  same_error(0, SYS_openat, kCwd, "file", 0x40000000 | O_RDWR, 0600);
  same_error(0, SYS_openat, kCwd, "file", O_ACCMODE);
  same_error(0, SYS_openat, kCwd, "file", O_RDWR | 0100000);
  same_error(0, SYS_openat, kCwd, "file", O_RDWR | O_SYNC | O_ASYNC | O_NOCTTY | O_NONBLOCK);
}

TEST_F(KernelErrors, OfOpenat2AreTheSame) {
  struct Long {
    struct open_how how;
    std::uint64_t more[700];
  };
  Long how{};
  how.how.flags = O_RDWR;
  const auto open = [&](int expected, std::uint64_t size = sizeof(struct open_how)) {
    same_error(expected, SYS_openat2, kCwd, "file", &how, size);
  };
  const auto with = [&](int expected, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve) {
    how.how.flags = flags;
    how.how.mode = mode;
    how.how.resolve = resolve;
    open(expected);
    how.how = {.flags = O_RDWR, .mode = 0, .resolve = 0};
  };
  open(0);
  open(EINVAL, 0);
  open(EINVAL, 23);
  open(0, 25);
  open(0, 32);
  open(0, 4096);
  open(E2BIG, 4097);
  open(E2BIG, ~std::uint64_t{0});
  how.more[3] = 1;
  open(E2BIG, 4096);
  open(0, 48);
  same_error(EFAULT, SYS_openat2, kCwd, "file", nullptr, 24);
  same_error(EFAULT, SYS_openat2, kCwd, "file", hole_ - 23, 24);
  same_error(EFAULT, SYS_openat2, kCwd, nullptr, &how, 24);
  same_error(ENOENT, SYS_openat2, kCwd, "", &how, 24);

  with(EINVAL, O_RDWR, 0600, 0);
  with(0, O_RDWR | O_CREAT, 0600, 0);
  with(0, O_RDWR | O_CREAT, 07777, 0);
  with(EINVAL, O_RDWR | O_CREAT, 010000, 0);
  with(EINVAL, O_RDWR | O_CREAT, std::uint64_t{1} << 40, 0);
  with(EINVAL, O_RDWR | 0x40000000, 0, 0);
  with(EINVAL, O_RDWR | (std::uint64_t{1} << 63), 0, 0);
  with(EINVAL, O_PATH | O_RDWR, 0, 0);
  with(EINVAL, O_PATH | O_TRUNC, 0, 0);
  with(EINVAL, O_PATH | 0100000, 0, 0);
  with(0, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, 0);
  with(0, O_RDWR | 0100000, 0, 0);
  with(EINVAL, O_RDWR, 0, 0x40);
  with(EINVAL, O_RDWR, 0, std::uint64_t{1} << 32);
  with(EINVAL, O_RDWR, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT);
  with(0, O_RDWR, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
  with(EAGAIN, O_RDWR | O_TRUNC, 0, RESOLVE_CACHED);
  with(EAGAIN, O_RDWR | O_CREAT, 0600, RESOLVE_CACHED);
  with(EINVAL, O_TMPFILE | O_RDONLY, 0600, 0);
}

TEST_F(KernelErrors, OfEmptyAndNullPathsAreTheSame) {
  same_error(0, abi::kSysFchmodat2, file_, "", 0600, AT_EMPTY_PATH);
  same_error(EFAULT, abi::kSysFchmodat2, file_, nullptr, 0600, AT_EMPTY_PATH);
  same_error(ENOENT, abi::kSysFchmodat2, file_, "", 0600, 0);
  same_error(0, SYS_fchownat, file_, "", -1, -1, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
  same_error(EFAULT, SYS_fchownat, file_, nullptr, -1, -1, AT_EMPTY_PATH);
  same_error(0, SYS_utimensat, file_, nullptr, nullptr, 0);
  same_error(EINVAL, SYS_utimensat, file_, nullptr, nullptr, AT_SYMLINK_NOFOLLOW);
  same_error(EINVAL, SYS_utimensat, file_, nullptr, nullptr, AT_EMPTY_PATH);
  same_error(0, SYS_utimensat, file_, "", nullptr, AT_EMPTY_PATH);
  same_error(EFAULT, SYS_utimensat, kCwd, nullptr, nullptr, 0);
  same_error(EFAULT, SYS_utimensat, kCwd, nullptr, nullptr, AT_EMPTY_PATH);
  same_error(EBADF, SYS_utimensat, -1, nullptr, nullptr, 0);
  same_error(EFAULT, SYS_execveat, file_, nullptr, nullptr, nullptr, AT_EMPTY_PATH);
  // Before 6.10 the flag took a right, whose lack came first.
  same_error_but_older(ENOENT, EFAULT, SYS_linkat, file_, nullptr, kCwd, "to", AT_EMPTY_PATH);
  same_error(ENOENT, SYS_linkat, file_, "", kCwd, "to", 0);
#ifdef SYS_futimesat
  same_error(0, SYS_futimesat, file_, nullptr, nullptr);
  same_error(EBADF, SYS_futimesat, -1, nullptr, nullptr);
  same_error(EFAULT, SYS_futimesat, kCwd, nullptr, nullptr);
#endif
  same_error(EBADF, SYS_fchmod, -1, 0600);
  same_error(EBADF, SYS_fchmod, kCwd, 0600);
  same_error(EBADF, SYS_fchown, kCwd, -1, -1);
  same_error(EBADF, SYS_fsetxattr, -1, "user.a", "v", 1, 0);
  same_error(EBADF, SYS_fremovexattr, -1, "user.a");
}

TEST_F(KernelErrors, OfTimesAreTheSame) {
  const auto at = [&](int expected, std::int64_t nanoseconds) {
    const timespec times[2] = {{1, 0}, {2, nanoseconds}};
    same_error(expected, SYS_utimensat, kCwd, "file", times, 0);
    const timespec turned[2] = {{1, nanoseconds}, {2, 0}};
    same_error(expected, SYS_utimensat, kCwd, "file", turned, 0);
  };
  at(0, 0);
  at(0, 999'999'999);
  at(0, UTIME_NOW);
  at(0, UTIME_OMIT);
  same_error(EFAULT, SYS_utimensat, kCwd, "file", hole_ - 31, 0);
#ifdef SYS_utimes
  const auto micro = [&](int expected, std::int64_t microseconds) {
    const timeval times[2] = {{1, 0}, {2, microseconds}};
    same_error(expected, SYS_utimes, "file", times);
    same_error(expected, SYS_futimesat, kCwd, "file", times);
  };
  micro(0, 999'999);
  micro(EINVAL, 1'000'000);
  micro(EINVAL, -1);
  micro(EINVAL, UTIME_NOW);
  same_error(EFAULT, SYS_utimes, "file", hole_ - 31);
  same_error(EFAULT, SYS_utime, "file", hole_ - 15);
#endif
}

TEST_F(KernelErrors, OfXattrsAreTheSame) {
  const std::string name255 = "user." + std::string(250, 'n');
  const std::string name256 = "user." + std::string(251, 'n');
  const std::string big(65537, 'v');
  same_error(0, SYS_fsetxattr, file_, "user.a", "v", 1, 0);
  same_error(ERANGE, SYS_fsetxattr, file_, "", "v", 1, 0);
  same_error(ERANGE, SYS_fsetxattr, file_, name256.c_str(), "v", 1, 0);
  same_error(0, SYS_setxattr, "file", name255.c_str(), "v", 1, 0);
  same_error(ERANGE, SYS_removexattr, "file", name256.c_str());
  same_error(ERANGE, SYS_removexattr, "file", "");
  same_error(EFAULT, SYS_removexattr, "file", nullptr);
  same_error(EFAULT, SYS_removexattr, "file", at_hole("user.x"));
  same_error(E2BIG, SYS_setxattr, "file", "user.a", big.c_str(), big.size(), 0);
  // Before 6.8 the path came first.
  same_error_but_older(EFAULT, E2BIG, SYS_setxattr, nullptr, "user.a", big.c_str(), ~std::uint64_t{0}, 0);
  same_error(EFAULT, SYS_setxattr, "file", "user.a", nullptr, 1, 0);
  same_error(EFAULT, SYS_setxattr, "file", "user.a", at_hole("vv"), 3, 0);
  same_error(0, SYS_setxattr, "file", "user.a", nullptr, 0, 0);

  struct {
    std::uint64_t value;
    std::uint32_t size;
    std::uint32_t flags;
    std::uint64_t more[2];
  } args{reg("v"), 1, 0, {0, 0}};
  const int set = abi::kSysSetxattrat;
  same_error(0, set, kCwd, "file", 0, "user.a", &args, 16);
  same_error(0, set, kCwd, "file", 0, "user.a", &args, 32);
  same_error(EINVAL, set, kCwd, "file", 0, "user.a", &args, 15);
  same_error(E2BIG, set, kCwd, "file", 0, "user.a", &args, 4097);
  same_error(EFAULT, set, kCwd, "file", 0, "user.a", hole_ - 15, 16);
  same_error(0, set, file_, nullptr, AT_EMPTY_PATH, "user.a", &args, 16);
  same_error(0, set, file_, "", AT_EMPTY_PATH, "user.a", &args, 16);
  same_error(EFAULT, set, file_, nullptr, 0, "user.a", &args, 16);
  same_error(ENOENT, set, file_, "", 0, "user.a", &args, 16);
  same_error(EINVAL, set, kCwd, "file", 1, "user.a", &args, 16);
  args.more[1] = 1;
  same_error(E2BIG, set, kCwd, "file", 0, "user.a", &args, 32);
  same_error(0, set, kCwd, "file", 0, "user.a", &args, 24);
  args.flags = 4;
  same_error(EINVAL, set, kCwd, "file", 0, "user.a", &args, 16);
}

TEST_F(KernelErrors, OfFileAttributesAreTheSame) {
  alignas(8) unsigned char attributes[4200]{};
  const int set = abi::kSysFileSetattr;
  same_error(EINVAL, set, kCwd, "file", attributes, 23, 0);
  same_error(E2BIG, set, kCwd, "file", attributes, 4097, 0);
  same_error(EINVAL, set, kCwd, "file", attributes, 24, 1);
  same_error(EFAULT, set, kCwd, "file", hole_ - 23, 24, 0);
  same_error(EFAULT, set, kCwd, nullptr, attributes, 24, 0);
  same_error(ENOENT, set, kCwd, "", attributes, 24, 0);
  attributes[30] = 1;
  same_error(E2BIG, set, kCwd, "file", attributes, 32, 0);
  same_error(EFAULT, SYS_ioctl, file_, static_cast<std::uint64_t>(FS_IOC_SETFLAGS), nullptr);
  same_error(EFAULT, SYS_ioctl, file_, static_cast<std::uint64_t>(FS_IOC_FSSETXATTR), hole_ - 27);
}

TEST_F(KernelErrors, OfModesLengthsAndAddressesAreTheSame) {
  same_error(EPERM, SYS_mknodat, kCwd, "node", S_IFDIR | 0600, 0);
  same_error(EINVAL, SYS_mknodat, kCwd, "node", S_IFLNK | 0600, 0);
  same_error(EINVAL, SYS_mknodat, kCwd, nullptr, 0170000, 0);
  same_error(0, SYS_mknodat, kCwd, "node", 0x10000 | 0600, 0);  // umode_t: the low 16 bits
  same_error(EINVAL, SYS_truncate, nullptr, -1);
  sockaddr_un address{AF_UNIX, "nobody-listens"};
  same_error(EINVAL, SYS_connect, socket_, &address, -1);
  same_error(EINVAL, SYS_connect, socket_, &address, sizeof(sockaddr_storage) + 1);
  same_error(EFAULT, SYS_connect, socket_, nullptr, 16);
  same_error(EFAULT, SYS_connect, socket_, hole_ - 15, 16);
  same_error(EBADF, SYS_connect, -1, nullptr, -1);
  same_error(EFAULT, SYS_bind, socket_, hole_ - 15, 16);
  same_error(EINVAL, SYS_bind, socket_, &address, -1);
}

TEST_F(KernelErrors, OfArgvAreTheSame) {
  const char* bad_string[] = {"file", reinterpret_cast<const char*>(16), nullptr};
  ASSERT_EQ(::fchmod(file_, 0755), 0);
  ::close(file_);  // an open writer would be ETXTBSY
  file_ = ::open("file", O_RDONLY | O_CLOEXEC);
  same_error(EFAULT, SYS_execve, "file", bad_string, nullptr);
  same_error(EFAULT, SYS_execve, "file", hole_ - 4, nullptr);
  same_error(EFAULT, SYS_execve, "file", reinterpret_cast<const char**>(8), nullptr);
}

}  // namespace
}  // namespace assent::decode
