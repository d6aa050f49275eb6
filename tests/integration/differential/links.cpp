#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "case.h"
#include "paths.h"

namespace differential {

void add_links_and_nodes(Cases& cases) {
  const std::vector<std::string> from = {"file", "dir",     "link",     "dlink",  "dangling", "loop",
                                         "fifo", "missing", "file/",    "dir/in", "rodir/in", "noxdir/in",
                                         "suid", "noperm",  "ABS/file", "",       "link/",    "."};
  const std::vector<std::string> to = {"new",       "file",   "edir",   "edir/new", "new/", "dangling", "rodir/new",
                                       "missing/x", "file/x", "new255", "NAME256",  "",     ".",        "ABS/new"};
  for (const auto& a : from) {
    for (const auto& b : to) {
      cases.push_back({"link " + a + " " + b, [=] { return result(::link(real(a).c_str(), real(b).c_str())); }});
    }
    for (const int flags : {AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, 0x100}) {
      cases.push_back({"linkat " + std::to_string(flags) + " " + a,
                       [=] { return result(::linkat(AT_FDCWD, real(a).c_str(), AT_FDCWD, "new", flags)); }});
    }
  }
  for (const auto& path : all_paths()) {
    cases.push_back({"mkdir " + path, [=] { return result(::mkdir(real(path).c_str(), 0751)); }});
    cases.push_back({"symlink " + path, [=] { return result(::symlink("to/some\nwhere", real(path).c_str())); }});
    cases.push_back({"mkfifo " + path, [=] { return result(::mknod(real(path).c_str(), S_IFIFO | 0640, 0)); }});
  }
  for (const mode_t mode : {0640U, S_IFREG | 0640U, S_IFSOCK | 0600U, S_IFDIR | 0700U, S_IFCHR | 0600U, S_IFBLK | 0600U,
                            S_IFLNK | 0600U, 0170000U | 0600U}) {
    for (const char* path : {"new", "file", "rodir/new"}) {
      char name[64];
      std::snprintf(name, sizeof name, "mknod %o %s", mode, path);
      cases.push_back({name, [=] { return result(::mknod(path, mode, (mode & S_IFMT) == S_IFREG ? 0 : 0x103)); }});
    }
  }
  for (const std::size_t size : {1UL, 255UL, 256UL, 4000UL, 4095UL, 4096UL}) {
    cases.push_back({"symlink of " + std::to_string(size) + " bytes",
                     [=] { return result(::symlink(std::string(size, 't').c_str(), "new")); }});
  }
  cases.push_back({"symlink to nothing", [] { return result(::symlink("", "new")); }});
  cases.push_back(
      {"symlink null pointers", [] {
         return line({result(::syscall(SYS_symlink, nullptr, "new")), result(::syscall(SYS_symlink, "x", nullptr))});
       }});
  cases.push_back({"mkdir null pointer", [] { return result(::syscall(SYS_mkdir, nullptr, 0700)); }});
  cases.push_back({"mkdirat, symlinkat, mknodat, linkat in a folder", [] {
                     const int folder = ::open("dir", O_RDONLY | O_DIRECTORY);
                     auto out = line({result(::mkdirat(folder, "d", 0700)), result(::symlinkat("x", folder, "s"))});
                     out += line({result(::mknodat(folder, "f", S_IFIFO | 0600, 0)),
                                  result(::linkat(folder, "in", folder, "l", 0))});
                     return out + result(::linkat(folder, "../link", AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
                   }});
  cases.push_back({"link an open file by its descriptor", [] {
                     const int fd = ::open("file", O_RDWR);
                     const std::string path = "/proc/self/fd/" + std::to_string(fd);
                     return result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
                   }});
  cases.push_back({"link a nameless file through proc", [] {
                     const int fd = ::open("dir", O_TMPFILE | O_RDWR, 0640);
                     auto out = result(::write(fd, "nameless", 8));
                     const std::string path = "/proc/self/fd/" + std::to_string(fd);
                     out += " " + result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "dir/named", AT_SYMLINK_FOLLOW));
                     out += " " + result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "dir/named", AT_SYMLINK_FOLLOW));
                     return out + " " + result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
                   }});
  cases.push_back({"link a nameless file by an empty path", [] {
                     const int fd = ::open("dir", O_TMPFILE | O_RDWR, 0640);
                     return result(::linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH));
                   }});
  cases.push_back({"link a nameless exclusive file", [] {
                     const int fd = ::open("dir", O_TMPFILE | O_RDWR | O_EXCL, 0640);
                     const std::string path = "/proc/self/fd/" + std::to_string(fd);
                     return result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
                   }});
  cases.push_back({"link a deleted file", [] {
                     const int fd = ::open("marked", O_RDWR);
                     auto out = result(::unlink("marked"));
                     const std::string path = "/proc/self/fd/" + std::to_string(fd);
                     return out + " " + result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
                   }});
}

}  // namespace differential
