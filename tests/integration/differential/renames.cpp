#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "case.h"
#include "paths.h"

namespace differential {

void add_renames(Cases& cases) {
  const std::vector<std::string> from = {"file",      "dir",
                                         "edir",      "link",
                                         "dlink",     "dangling",
                                         "fifo",      "missing",
                                         "file/",     "dir/",
                                         "edir/",     "dlink/",
                                         "dir/.",     "dir/..",
                                         ".",         "dir/in",
                                         "hard",      "rodir/in",
                                         "rodir",     "noxdir/in",
                                         "sticky/in", "new\nline \x1b[31m",
                                         "ABS/file",  "",
                                         "loop",      "/",
                                         "rodir/edir"};
  const std::vector<std::string> to = {
      "file",   "empty",    "dir",  "edir",      "edir/",   "missing",   "missing/", "dir/new",   "dlink",  "elink/",
      "link",   "dangling", "hard", "dir/sub/x", "dir/sub", "rodir/new", "rodir/in", "missing/x", "file/x", "ABS/new",
      "new255", "NAME256",  "",     ".",         "..",      "fifo",      "dir/.",    "rodir"};
  for (const auto& a : from) {
    for (const auto& b : to) {
      cases.push_back({"rename " + a + " " + b, [=] { return result(::rename(real(a).c_str(), real(b).c_str())); }});
    }
  }
  const std::vector<std::string> few = {"file",   "dir",     "edir",  "missing", "link", "hard",
                                        "dir/in", "dir/sub", "edir/", "file/",   ".",    "rodir/in"};
  for (const auto& a : few) {
    for (const auto& b : few) {
      for (const unsigned flags : {RENAME_NOREPLACE, RENAME_EXCHANGE}) {
        cases.push_back({"renameat2 " + std::to_string(flags) + " " + a + " " + b,
                         [=] { return result(::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), flags)); }});
      }
    }
  }
  for (const unsigned flags : {3U, 6U, 8U, 0x80000000U}) {
    cases.push_back({"renameat2 bad flags " + std::to_string(flags),
                     [=] { return result(::renameat2(AT_FDCWD, "file", AT_FDCWD, "empty", flags)); }});
  }
  cases.push_back({"renameat between descriptors", [] {
                     const int a = ::open("dir", O_RDONLY | O_DIRECTORY);
                     const int b = ::open("edir", O_PATH | O_DIRECTORY);
                     return line({result(::renameat(a, "in", b, "out")), result(::renameat(b, "out", a, "../dir/in"))});
                   }});
  cases.push_back(
      {"renameat of no descriptor", [] {
         return line({result(::renameat(99, "file", AT_FDCWD, "x")), result(::renameat(AT_FDCWD, "file", 99, "x"))});
       }});
  cases.push_back(
      {"rename null pointers", [] {
         return line({result(::syscall(SYS_rename, nullptr, "x")), result(::syscall(SYS_rename, "file", nullptr))});
       }});
  cases.push_back({"rename a folder under an open descriptor", [] {
                     const int folder = ::open("dir", O_RDONLY | O_DIRECTORY);
                     auto out = result(::rename("dir", "moved"));
                     out += line({result(::unlinkat(folder, "in", 0)), result(::mkdirat(folder, "new", 0700))});
                     return out + " " + result(::openat(folder, "../file", O_WRONLY) >= 0 ? 0 : -1);
                   }});
  cases.push_back({"rename a folder and name a new one as it was", [] {
                     auto out = line({result(::rename("dir", "moved")), result(::mkdir("dir", 0700))});
                     out += line({result(::unlink("dir/in")), result(::unlink("moved/in"))});
                     return out + " " + result(::rmdir("dir"));
                   }});
  cases.push_back({"rename chain", [] {
                     std::string out;
                     for (int i = 0; i < 20; ++i) {
                       out +=
                           result(::rename(("r" + std::to_string(i)).c_str(), ("r" + std::to_string(i + 1)).c_str()));
                       if (i == 0) out += result(::rename("file", "r1"));
                     }
                     return out;
                   }});
  cases.push_back({"write a new file and rename it over the old one", [] {
                     const int fd = ::open("file.tmp", O_CREAT | O_EXCL | O_WRONLY, 0600);
                     auto out = describe(fd);
                     return out + " " + result(::rename("file.tmp", "file"));
                   }});
}

}  // namespace differential
