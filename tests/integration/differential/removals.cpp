#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "case.h"
#include "paths.h"

namespace differential {

void add_removals(Cases& cases) {
  for (const auto& path : all_paths()) {
    cases.push_back({"unlink " + path, [=] { return result(::unlink(real(path).c_str())); }});
    cases.push_back({"rmdir " + path, [=] { return result(::rmdir(real(path).c_str())); }});
    cases.push_back({"truncate 3 " + path, [=] { return result(::truncate(real(path).c_str(), 3)); }});
  }
  for (const long length : {0L, 100L, -1L, 1L << 60}) {
    for (const char* path : {"file", "empty", "link", "nowrite", "noread", "suid", "missing", "dir", "fifo"}) {
      cases.push_back(
          {"truncate " + std::to_string(length) + " " + path, [=] { return result(::truncate(path, length)); }});
    }
  }
  for (const char* path :
       {"in", "../file", "sub", "sub/", "../edir", "../missing", ".", "..", "", "../dlink/in", "/", "ABS/edir"}) {
    for (const int flags : {0, AT_REMOVEDIR, 0x1000, AT_SYMLINK_NOFOLLOW}) {
      cases.push_back({"unlinkat dir " + std::string(path) + " " + std::to_string(flags), [=] {
                         const int folder = ::open("dir", O_RDONLY | O_DIRECTORY);
                         const auto out = result(::unlinkat(folder, real(path).c_str(), flags));
                         ::close(folder);
                         return out;
                       }});
    }
  }
  cases.push_back({"unlinkat O_PATH folder", [] {
                     const int folder = ::open("dir", O_PATH);
                     return result(::unlinkat(folder, "in", 0));
                   }});
  cases.push_back(
      {"unlinkat of a file descriptor", [] {
         const int file = ::open("file", O_RDONLY);
         return line({result(::unlinkat(file, "in", 0)), result(::unlinkat(file, absolute("hard").c_str(), 0))});
       }});
  cases.push_back({"unlinkat of no descriptor", [] {
                     return line({result(::unlinkat(99, "in", 0)), result(::unlinkat(-1, "in", 0)),
                                  result(::unlinkat(99, absolute("file").c_str(), 0))});
                   }});
  cases.push_back({"unlink null pointer", [] { return result(::syscall(SYS_unlink, nullptr)); }});
  cases.push_back({"unlink bad pointer", [] { return result(::syscall(SYS_unlink, 1)); }});
  cases.push_back({"unlink twice", [] {
                     const auto once = result(::unlink("file"));
                     return line({once, result(::unlink("file")), result(::unlink("hard"))});
                   }});
  cases.push_back({"unlink while open", [] {
                     const int fd = ::open("file", O_RDWR);
                     const auto out = line({result(::unlink("file")), result(::unlink("hard"))});
                     return out + " " + describe(fd);
                   }});
  cases.push_back({"rmdir working directory", [] {
                     if (::chdir("edir") != 0) return result(-1);
                     auto out = line({result(::rmdir(".")), result(::rmdir("../edir"))});
                     out += " " + result(::open("new", O_CREAT | O_WRONLY, 0600));
                     out += line({result(::mkdir("new", 0700)), result(::unlink("x"))});
                     out += line({result(::symlink("x", "new")), result(::rename("../file", "new"))});
                     out += line({result(::link("../file", "new")), result(::unlink("../file"))});
                     return out;
                   }});
  cases.push_back({"nameless file in a removed folder", [] {
                     if (::chdir("edir") != 0 || ::rmdir("../edir") != 0) return result(-1);
                     return result(::open(".", O_TMPFILE | O_RDWR, 0600));
                   }});
  cases.push_back({"rmdir parent of the working directory", [] {
                     if (::mkdir("edir/deep", 0755) != 0 || ::chdir("edir/deep") != 0) return result(-1);
                     auto out = line({result(::rmdir("../../edir")), result(::rmdir("../deep"))});
                     return out + " " + result(::unlink("../../file"));
                   }});
  cases.push_back({"remove a whole tree", [] {
                     auto out = line({result(::unlink("dir/in")), result(::rmdir("dir/sub")), result(::rmdir("dir"))});
                     out += line({result(::mkdir("dir", 0700)), result(::rmdir("dir"))});
                     return out;
                   }});
}

}  // namespace differential
