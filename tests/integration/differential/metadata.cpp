#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <cstdio>

#include "case.h"
#include "paths.h"

namespace differential {
namespace {

constexpr int kFchmodat2 = 452;

// Everything of the list that stays within the case's own folder.
std::vector<std::string> own_paths() {
  std::vector<std::string> out;
  for (const auto& path : all_paths()) {
    if (path != ".." && path != "../" && !path.starts_with("/")) out.push_back(path);
  }
  return out;
}

}  // namespace

void add_metadata(Cases& cases) {
  for (const auto& path : own_paths()) {
    const auto add = [&](const char* name, auto call) {
      cases.push_back({std::string(name) + " " + path, [=] { return result(call(real(path).c_str())); }});
    };
    add("chmod", [](const char* p) { return ::chmod(p, 0712); });
    add("utimensat", [](const char* p) {
      const timespec times[2] = {{50, 0}, {60, 7}};
      return ::utimensat(AT_FDCWD, p, times, 0);
    });
    add("setxattr", [](const char* p) { return ::setxattr(p, "user.k", "v\0w", 3, 0); });
    add("chown to itself", [](const char* p) { return ::chown(p, ::geteuid(), ::getegid()); });
  }
  for (const char* path :
       {"file", "dir", "link", "dlink", "dangling", "fifo", "missing", "marked", "nowrite", "suid", "rodir/in", ""}) {
    const std::string at = path;
    const auto add = [&](const std::string& name, auto call) {
      cases.push_back({name + " " + at, [=] { return result(call(at.c_str())); }});
    };
    for (const mode_t mode : {0U, 0777U, 04755U, 02755U, 01777U, 0107777U}) {
      char name[32];
      std::snprintf(name, sizeof name, "chmod %o", mode);
      add(name, [=](const char* p) { return ::chmod(p, mode); });
    }
    add("fchmodat2 nofollow",
        [](const char* p) { return ::syscall(kFchmodat2, AT_FDCWD, p, 0712, AT_SYMLINK_NOFOLLOW); });
    add("fchmodat2 empty path", [](const char* p) { return ::syscall(kFchmodat2, AT_FDCWD, p, 0712, AT_EMPTY_PATH); });
    add("fchmodat2 bad flag", [](const char* p) { return ::syscall(kFchmodat2, AT_FDCWD, p, 0712, 0x10); });
    add("lchown to itself", [](const char* p) { return ::lchown(p, ::geteuid(), static_cast<gid_t>(-1)); });
    add("chown to nobody in particular",
        [](const char* p) { return ::chown(p, static_cast<uid_t>(-1), static_cast<gid_t>(-1)); });
    add("fchownat nofollow", [](const char* p) {
      return ::fchownat(AT_FDCWD, p, ::geteuid(), static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW);
    });
    add("fchownat bad flag",
        [](const char* p) { return ::fchownat(AT_FDCWD, p, ::geteuid(), static_cast<gid_t>(-1), 0x10); });
    add("utimensat nofollow", [](const char* p) {
      const timespec times[2] = {{50, 0}, {60, 7}};
      return ::utimensat(AT_FDCWD, p, times, AT_SYMLINK_NOFOLLOW);
    });
    add("utimensat now", [](const char* p) { return ::syscall(SYS_utimensat, AT_FDCWD, p, nullptr, 0); });
    add("utimensat omit", [](const char* p) {
      const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
      return ::utimensat(AT_FDCWD, p, times, 0);
    });
    add("utimensat omit one", [](const char* p) {
      const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
      return ::utimensat(AT_FDCWD, p, times, 0);
    });
    add("utimensat bad time", [](const char* p) {
      const timespec times[2] = {{0, -1}, {0, 2'000'000'000}};
      return ::utimensat(AT_FDCWD, p, times, 0);
    });
    add("utimensat bad flag", [](const char* p) { return ::syscall(SYS_utimensat, AT_FDCWD, p, nullptr, 0x10); });
    add("utime", [](const char* p) {
      const utimbuf times{70, 80};
      return ::syscall(SYS_utime, p, &times);
    });
    add("utimes", [](const char* p) {
      const timeval times[2] = {{70, 1}, {80, 2}};
      return ::syscall(SYS_utimes, p, times);
    });
    add("utimes bad time", [](const char* p) {
      const timeval times[2] = {{70, 1'000'000}, {80, 2}};
      return ::syscall(SYS_utimes, p, times);
    });
    add("futimesat", [](const char* p) {
      const timeval times[2] = {{70, 1}, {80, 2}};
      return ::syscall(SYS_futimesat, AT_FDCWD, p, times);
    });
    add("lsetxattr", [](const char* p) { return ::lsetxattr(p, "user.k", "v", 1, 0); });
    add("setxattr create", [](const char* p) { return ::setxattr(p, "user.mark", "v", 1, XATTR_CREATE); });
    add("setxattr replace", [](const char* p) { return ::setxattr(p, "user.mark", "v", 1, XATTR_REPLACE); });
    add("setxattr both",
        [](const char* p) { return ::setxattr(p, "user.mark", "v", 1, XATTR_REPLACE | XATTR_CREATE); });
    add("setxattr empty value", [](const char* p) { return ::setxattr(p, "user.mark", "", 0, 0); });
    add("setxattr bad flag", [](const char* p) { return ::setxattr(p, "user.mark", "v", 1, 8); });
    add("setxattr no name", [](const char* p) { return ::setxattr(p, "", "v", 1, 0); });
    add("setxattr name of 256",
        [](const char* p) { return ::setxattr(p, ("user." + std::string(251, 'x')).c_str(), "v", 1, 0); });
    add("setxattr no namespace", [](const char* p) { return ::setxattr(p, "mark", "v", 1, 0); });
    add("setxattr trusted", [](const char* p) { return ::setxattr(p, "trusted.mark", "v", 1, 0); });
    add("setxattr security", [](const char* p) { return ::setxattr(p, "security.mark", "v", 1, 0); });
    add("setxattr too big",
        [](const char* p) { return ::setxattr(p, "user.big", std::string(65537, 'b').data(), 65537, 0); });
    add("removexattr", [](const char* p) { return ::removexattr(p, "user.mark"); });
    add("lremovexattr", [](const char* p) { return ::lremovexattr(p, "user.mark"); });
    add("removexattr missing", [](const char* p) { return ::removexattr(p, "user.none"); });
  }
  for (const char* path : {"file", "dir", "marked", "nowrite", "fifo"}) {
    for (const int how : {O_RDONLY, O_WRONLY, O_RDWR, O_PATH}) {
      const std::string at = path;
      const auto add = [&](const char* name, auto call) {
        cases.push_back({std::string(name) + " " + std::to_string(how) + " " + at, [=] {
                           const int fd = ::open(at.c_str(), how | O_NONBLOCK);
                           if (fd < 0) return "open " + result(fd);
                           const auto out = result(call(fd));
                           ::close(fd);
                           return out;
                         }});
      };
      add("fchmod", [](int fd) { return ::syscall(SYS_fchmod, fd, 0712); });
      add("fchmodat2 of a descriptor", [](int fd) { return ::syscall(kFchmodat2, fd, "", 0712, AT_EMPTY_PATH); });
      add("fchown", [](int fd) { return ::syscall(SYS_fchown, fd, ::geteuid(), -1); });
      add("fchownat of a descriptor",
          [](int fd) { return ::fchownat(fd, "", ::geteuid(), static_cast<gid_t>(-1), AT_EMPTY_PATH); });
      add("futimens", [](int fd) {
        const timespec times[2] = {{50, 0}, {60, 7}};
        return ::syscall(SYS_utimensat, fd, nullptr, times, 0);
      });
      add("fsetxattr", [](int fd) { return ::syscall(SYS_fsetxattr, fd, "user.k", "v", 1, 0); });
      add("fremovexattr", [](int fd) { return ::syscall(SYS_fremovexattr, fd, "user.mark"); });
      add("ftruncate", [](int fd) { return ::ftruncate(fd, 3); });
      add("fallocate", [](int fd) { return ::fallocate(fd, 0, 0, 20); });
      add("set flags", [](int fd) {
        int flags = 0;
        if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return -1;
        flags |= FS_NODUMP_FL;
        return ::ioctl(fd, FS_IOC_SETFLAGS, &flags);
      });
      add("set flags, null", [](int fd) { return ::ioctl(fd, FS_IOC_SETFLAGS, nullptr); });
    }
  }
  cases.push_back({"chmod through descriptors of proc", [] {
                     const int fd = ::open("file", O_RDONLY);
                     const std::string path = "/proc/self/fd/" + std::to_string(fd);
                     return line({result(::chmod(path.c_str(), 0600)), result(::truncate(path.c_str(), 2)),
                                  describe(::open(path.c_str(), O_RDWR))});
                   }});
  cases.push_back({"metadata of a deleted file", [] {
                     const int fd = ::open("marked", O_RDWR);
                     auto out = line({result(::unlink("marked")), result(::fchmod(fd, 0600))});
                     out += line({result(::fsetxattr(fd, "user.k", "v", 1, 0)), result(::futimens(fd, nullptr))});
                     return out + " " + describe(fd);
                   }});
  cases.push_back({"metadata of a nameless file", [] {
                     const int fd = ::open(".", O_TMPFILE | O_RDWR, 0600);
                     auto out = line({result(::fchmod(fd, 0640)), result(::fsetxattr(fd, "user.k", "v", 1, 0))});
                     return line({out, result(::futimens(fd, nullptr)), result(::ftruncate(fd, 10)), describe(fd)});
                   }});
  cases.push_back({"fchmod of no descriptor", [] {
                     return line({result(::fchmod(99, 0600)), result(::fchmod(-1, 0600))});
                   }});
  cases.push_back({"chmod null pointer", [] { return result(::syscall(SYS_chmod, nullptr, 0600)); }});
}

}  // namespace differential
