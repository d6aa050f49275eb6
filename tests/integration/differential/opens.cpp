#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "case.h"
#include "paths.h"

namespace differential {
namespace {

struct Flags {
  const char* name;
  int flags;
};

constexpr Flags kFlags[] = {
    {"W", O_WRONLY},
    {"RW", O_RDWR},
    {"W,CREAT", O_WRONLY | O_CREAT},
    {"W,CREAT,EXCL", O_WRONLY | O_CREAT | O_EXCL},
    {"W,CREAT,TRUNC", O_WRONLY | O_CREAT | O_TRUNC},
    {"RW,CREAT,APPEND", O_RDWR | O_CREAT | O_APPEND},
    {"W,TRUNC", O_WRONLY | O_TRUNC},
    {"RW,TRUNC,APPEND", O_RDWR | O_TRUNC | O_APPEND},
    {"R,TRUNC", O_RDONLY | O_TRUNC},
    {"R,CREAT", O_RDONLY | O_CREAT},
    {"R,CREAT,EXCL", O_RDONLY | O_CREAT | O_EXCL},
    {"R,CREAT,TRUNC", O_RDONLY | O_CREAT | O_TRUNC},
    {"W,NOFOLLOW", O_WRONLY | O_NOFOLLOW},
    {"W,CREAT,NOFOLLOW", O_WRONLY | O_CREAT | O_NOFOLLOW},
    {"RW,DIRECTORY", O_RDWR | O_DIRECTORY},
    {"W,CREAT,DIRECTORY", O_WRONLY | O_CREAT | O_DIRECTORY},
    {"R,DIRECTORY,NOFOLLOW", O_RDONLY | O_DIRECTORY | O_NOFOLLOW},
    {"PATH", O_PATH},
    {"PATH,NOFOLLOW", O_PATH | O_NOFOLLOW},
    {"PATH,W,CREAT", O_PATH | O_WRONLY | O_CREAT},
    {"W,CLOEXEC", O_WRONLY | O_CLOEXEC},
    {"W,NONBLOCK,CREAT,CLOEXEC", O_WRONLY | O_NONBLOCK | O_CREAT | O_CLOEXEC},
    {"RW,SYNC", O_RDWR | O_SYNC},
    {"RW,DSYNC,ASYNC", O_RDWR | O_DSYNC | O_ASYNC},
    {"RW,DIRECT", O_RDWR | O_DIRECT},
    {"W,NOATIME,NOCTTY", O_WRONLY | O_NOATIME | O_NOCTTY},
    {"ACCMODE", O_ACCMODE},
    {"ACCMODE,TRUNC", O_ACCMODE | O_TRUNC},
    {"W,EXCL", O_WRONLY | O_EXCL},
    {"RW,TMPFILE", O_RDWR | O_TMPFILE},
    {"W,TMPFILE,EXCL", O_WRONLY | O_TMPFILE | O_EXCL},
    {"R,TMPFILE", O_RDONLY | O_TMPFILE},
    {"RW,TMPFILE,CREAT", O_RDWR | O_TMPFILE | O_CREAT},
    {"R", O_RDONLY},
    {"W,unknown", O_WRONLY | 0x20000000},
};

long open2(int folder, const char* path, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve,
           std::size_t size = sizeof(struct open_how)) {
  struct {
    struct open_how how;
    std::uint64_t more;
  } argument{{flags, mode, resolve}, 0};
  return ::syscall(SYS_openat2, folder, path, &argument, size);
}

}  // namespace

void add_opens(Cases& cases) {
  const std::vector<std::string> paths = {"file",
                                          "empty",
                                          "nowrite",
                                          "noread",
                                          "noperm",
                                          "suid",
                                          "dir",
                                          "dir/",
                                          "edir",
                                          "edir/.",
                                          ".",
                                          "link",
                                          "link/",
                                          "dlink",
                                          "dlink/",
                                          "dangling",
                                          "danglingdir",
                                          "loop",
                                          "fifo",
                                          "node",
                                          "missing",
                                          "missing/",
                                          "missing/x",
                                          "file/x",
                                          "file/",
                                          "rodir/in",
                                          "rodir/new",
                                          "noxdir/in",
                                          "noxdir/new",
                                          "sticky/in",
                                          "sticky/new",
                                          "new255",
                                          "NAME256",
                                          "PATH4095",
                                          "PATH4096",
                                          "",
                                          "ABS/file",
                                          "ABS/new",
                                          "new\nline \x1b[31m",
                                          "\xff",
                                          "dir/../edir/new",
                                          "abslink",
                                          "/"};
  for (const auto& path : paths) {
    for (const auto& each : kFlags) {
      int flags = each.flags;
      if (path == "fifo") flags |= O_NONBLOCK;
      // In the root folder only what fails.
      if (path == "/" && ((flags & O_TMPFILE) == O_TMPFILE)) continue;
      cases.push_back({std::string("open ") + each.name + " " + path,
                       [=] { return describe(::open(real(path).c_str(), flags, 0666)); }});
    }
  }
  for (const mode_t mode : {0U, 0400U, 0777U, 04755U, 02777U, 01777U, 07777U, 0100644U, 0177777U}) {
    for (const mode_t mask : {0U, 022U, 077U, 0777U}) {
      char name[64];
      std::snprintf(name, sizeof name, "open mode %o umask %o", mode, mask);
      cases.push_back(
          {name, [=] {
             const mode_t before = ::umask(mask);
             auto out = line({describe(::open("new", O_CREAT | O_RDWR, mode)), result(::mkdir("newdir", mode))});
             out += line({result(::mknod("newfifo", S_IFIFO | (mode & 07777), 0)), describe(::creat("made", mode))});
             ::umask(before);
             return out;
           }});
    }
  }
  cases.push_back({"creat over", [] { return describe(::creat("file", 0600)); }});
  cases.push_back({"openat of a folder", [] {
                     const int folder = ::open("dir", O_RDONLY | O_DIRECTORY);
                     return line({describe(::openat(folder, "new", O_CREAT | O_WRONLY, 0640)),
                                  describe(::openat(folder, "../file", O_RDWR | O_APPEND)),
                                  describe(::openat(folder, "", O_RDWR)),
                                  describe(::openat(folder, ".", O_TMPFILE | O_RDWR, 0600))});
                   }});
  cases.push_back({"openat of a file descriptor", [] {
                     const int file = ::open("file", O_RDONLY);
                     return line({describe(::openat(file, "new", O_CREAT | O_WRONLY, 0640)),
                                  describe(::openat(99, "new", O_CREAT | O_WRONLY, 0640))});
                   }});
  cases.push_back({"open null pointer", [] { return result(::syscall(SYS_open, nullptr, O_WRONLY, 0)); }});
  cases.push_back({"open takes the lowest free number", [] {
                     const int a = ::open("file", O_WRONLY);
                     const int b = ::open("empty", O_WRONLY);
                     ::close(a);
                     const int c = ::open("marked", O_WRONLY);
                     return std::string(a == c && b == a + 1 ? "lowest" : "other");
                   }});
  cases.push_back({"open through a symbolic link to a new name", [] {
                     auto out = describe(::open("dangling", O_CREAT | O_WRONLY, 0600));
                     return out + " " + describe(::open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600));
                   }});
  cases.push_back(
      {"open under a default acl", [] {
         const unsigned none = 0xFFFFFFFF;
         const unsigned acl[] = {2, 7U << 16 | 0x01, none, 7U << 16 | 0x04, none, 5U << 16 | 0x20, none};
         auto out = result(::syscall(SYS_setxattr, "edir", "system.posix_acl_default", acl, sizeof acl, 0));
         const mode_t before = ::umask(077);
         out += line({describe(::open("edir/new", O_CREAT | O_WRONLY, 0666)), result(::mkdir("edir/newdir", 0777))});
         ::umask(before);
         return out;
       }});
  cases.push_back({"open in a setgid folder", [] {
                     return line({result(::chmod("edir", 02775)),
                                  describe(::open("edir/new", O_CREAT | O_WRONLY, 02755)),
                                  result(::mkdir("edir/newdir", 0777))});
                   }});
}

void add_openat2(Cases& cases) {
  const std::vector<std::string> paths = {"file",     "link",     "dlink/in", "dir/../file", "../file", "missing",
                                          "dangling", "ABS/file", "loop",     "edir/new",    "."};
  const Flags flags[] = {{"W", O_WRONLY},
                         {"W,CREAT", O_WRONLY | O_CREAT},
                         {"RW,NOFOLLOW", O_RDWR | O_NOFOLLOW},
                         {"W,CREAT,EXCL", O_WRONLY | O_CREAT | O_EXCL}};
  const std::pair<const char*, std::uint64_t> resolves[] = {
      {"plain", 0},
      {"NO_SYMLINKS", RESOLVE_NO_SYMLINKS},
      {"BENEATH", RESOLVE_BENEATH},
      {"IN_ROOT", RESOLVE_IN_ROOT},
      {"NO_MAGICLINKS", RESOLVE_NO_MAGICLINKS},
      {"BENEATH,NO_SYMLINKS", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS}};
  for (const auto& path : paths) {
    for (const auto& each : flags) {
      for (const auto& [name, resolve] : resolves) {
        cases.push_back({std::string("openat2 ") + each.name + " " + name + " " + path, [=] {
                           const std::uint64_t mode = (each.flags & O_CREAT) != 0 ? 0644 : 0;
                           return describe(static_cast<int>(open2(
                               AT_FDCWD, real(path).c_str(), static_cast<std::uint64_t>(each.flags), mode, resolve)));
                         }});
      }
    }
  }
  const auto bad = [&](const char* name, auto call) {
    cases.push_back({std::string("openat2 ") + name, [=] { return result(call()); }});
  };
  bad("unknown flag", [] { return open2(AT_FDCWD, "file", O_WRONLY | 0x20000000, 0, 0); });
  bad("high flag", [] { return open2(AT_FDCWD, "file", O_WRONLY | (1ULL << 40), 0, 0); });
  bad("unknown resolve", [] { return open2(AT_FDCWD, "file", O_WRONLY, 0, 0x100); });
  bad("mode without O_CREAT", [] { return open2(AT_FDCWD, "file", O_WRONLY, 0600, 0); });
  bad("mode too big", [] { return open2(AT_FDCWD, "new", O_WRONLY | O_CREAT, 0100600, 0); });
  bad("O_PATH and O_WRONLY", [] { return open2(AT_FDCWD, "file", O_PATH | O_WRONLY, 0, 0); });
  bad("small structure", [] { return open2(AT_FDCWD, "file", O_WRONLY, 0, 0, 8); });
  bad("long structure of zeros",
      [] { return open2(AT_FDCWD, "missing", O_WRONLY, 0, 0, sizeof(struct open_how) + 8); });
  bad("beneath and in root", [] { return open2(AT_FDCWD, "file", O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT); });
  // Where nothing needs asking, and the kernel is not left to itself either: what the structure or an opening for
  // reading says may cut.
  for (const std::string device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"}) {
    cases.push_back({"openat2 and truncate " + device, [=] {
                       std::string out;
                       for (const int access : {O_WRONLY, O_RDWR | O_APPEND, O_WRONLY | O_CREAT | O_TRUNC,
                                                O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_DIRECTORY | O_NONBLOCK}) {
                         const std::uint64_t mode = (access & O_CREAT) != 0 ? 0644 : 0;
                         const auto flags = static_cast<std::uint64_t>(access);
                         out += line({describe(static_cast<int>(open2(AT_FDCWD, device.c_str(), flags, mode, 0)))});
                       }
                       return line({out, describe(::open(device.c_str(), O_RDONLY | O_TRUNC)),
                                    describe(::open(device.c_str(), O_ACCMODE | O_TRUNC)),
                                    result(::truncate(device.c_str(), 0))});
                     }});
  }
  cases.push_back({"cut in a folder of the agent's own", [] {
                     char path[] = "/tmp/differential-XXXXXX";
                     const int fd = ::mkstemp(path);
                     if (::write(fd, "content", 7) != 7) return std::string("cannot write");
                     auto out = line({result(::truncate(path, 5)), describe(fd)});
                     out += line({describe(::open(path, O_RDONLY | O_TRUNC)), describe(fd)});
                     const auto flags = static_cast<std::uint64_t>(O_WRONLY | O_TRUNC | O_CLOEXEC);
                     out += line({describe(static_cast<int>(open2(AT_FDCWD, path, flags, 0, 0)))});
                     return line({out, result(::unlink(path)), result(::truncate(path, 0))});
                   }});
  bad("unreadable structure", [] { return ::syscall(SYS_openat2, AT_FDCWD, "file", 8, sizeof(struct open_how)); });
}

}  // namespace differential
