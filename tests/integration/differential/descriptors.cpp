// What a descriptor that was handed out can do afterwards.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

#include "case.h"

namespace differential {
namespace {

std::string reopened(const char* path, int first, int second) {
  const int fd = ::open(path, first);
  if (fd < 0) return "open " + result(fd);
  const std::string through = "/proc/self/fd/" + std::to_string(fd);
  const auto out = describe(::open(through.c_str(), second, 0600));
  ::close(fd);
  return out;
}

}  // namespace

void add_descriptors(Cases& cases) {
  for (const int first : {O_RDONLY, O_WRONLY, O_RDWR, O_PATH}) {
    for (const int second : {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC, O_WRONLY | O_CREAT,
                             O_WRONLY | O_CREAT | O_EXCL, O_WRONLY | O_NOFOLLOW, O_RDWR | O_APPEND}) {
      for (const char* path : {"file", "noread", "dir"}) {
        cases.push_back({"reopen " + std::to_string(first) + " " + std::to_string(second) + " " + path,
                         [=] { return reopened(path, first, second); }});
      }
    }
  }
  cases.push_back({"reopen a deleted file", [] {
                     const int fd = ::open("marked", O_RDONLY);
                     auto out = result(::unlink("marked"));
                     const std::string through = "/proc/self/fd/" + std::to_string(fd);
                     return out + " " + describe(::open(through.c_str(), O_RDWR));
                   }});
  cases.push_back({"append from two descriptors", [] {
                     const int a = ::open("file", O_WRONLY | O_APPEND);
                     const int b = ::open("hard", O_WRONLY | O_APPEND);
                     return line({result(::write(a, "1", 1)), result(::write(b, "2", 1)), result(::write(a, "3", 1))});
                   }});
  cases.push_back(
      {"duplicates share their place", [] {
         const int a = ::open("file", O_RDWR);
         const int b = ::dup(a);
         return line({result(::lseek(a, 3, SEEK_SET)), result(::write(b, "X", 1)), result(::lseek(a, 0, SEEK_CUR))});
       }});
  cases.push_back({"map and write", [] {
                     const int fd = ::open("file", O_RDWR);
                     void* map = ::mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                     if (map == MAP_FAILED) return result(-1);
                     std::memcpy(map, "MAP", 3);
                     return line({result(::msync(map, 7, MS_SYNC)), result(::munmap(map, 7))});
                   }});
  cases.push_back(
      {"copy between files", [] {
         const int from = ::open("dir/in", O_RDONLY);
         const int to = ::open("copy", O_WRONLY | O_CREAT, 0644);
         auto out = result(::copy_file_range(from, nullptr, to, nullptr, 100, 0)) + " ";
         ::lseek(from, 0, SEEK_SET);
         return line({out, result(::sendfile(to, from, nullptr, 3)), result(::fsync(to)), result(::fdatasync(to))});
       }});
  cases.push_back({"punch and allocate", [] {
                     const int fd = ::open("file", O_RDWR);
                     return line({result(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3)),
                                  result(::posix_fallocate(fd, 0, 100))});
                   }});
  cases.push_back({"locks", [] {
                     const int a = ::open("file", O_RDWR);
                     const int b = ::open("file", O_RDWR);
                     struct flock lock {};
                     lock.l_type = F_WRLCK;
                     return line({result(::flock(a, LOCK_EX)), result(::flock(b, LOCK_EX | LOCK_NB)),
                                  result(::fcntl(a, F_SETLK, &lock)), result(::fcntl(b, F_OFD_SETLK, &lock))});
                   }});
  cases.push_back({"change status flags", [] {
                     const int fd = ::open("file", O_RDWR);
                     auto out = result(::fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
                     return out + " " + describe(fd);
                   }});
  cases.push_back({"write without permission after opening", [] {
                     const int fd = ::open("new", O_CREAT | O_RDWR, 0);
                     return line({describe(fd), result(::open("new", O_RDONLY))});
                   }});
  cases.push_back(
      {"vectored and placed writes", [] {
         const int fd = ::open("file", O_RDWR);
         char a[] = "ab";
         char b[] = "cd";
         const iovec parts[] = {{a, 2}, {b, 2}};
         return line({result(::writev(fd, parts, 2)), result(::pwrite(fd, "Q", 1, 20)), result(::ftruncate(fd, 15))});
       }});
  cases.push_back({"descriptor paths of the standard folders", [] {
                     const int fd = ::open("file", O_WRONLY);
                     const std::string name = "/dev/fd/" + std::to_string(fd);
                     return line({describe(::open(name.c_str(), O_WRONLY | O_APPEND)),
                                  describe(::open("/dev/null", O_WRONLY)),
                                  describe(::open("/dev/null", O_RDWR | O_CREAT | O_TRUNC, 0666))});
                   }});
  cases.push_back({"change into folders and write there", [] {
                     auto out = line({result(::chdir("dir")), describe(::open("new", O_CREAT | O_WRONLY, 0600))});
                     const int parent = ::open("..", O_RDONLY | O_DIRECTORY);
                     out += line({result(::chdir("sub")), describe(::open("../new2", O_CREAT | O_WRONLY, 0600))});
                     return line({out, result(::fchdir(parent)), describe(::open("new3", O_CREAT | O_WRONLY, 0600))});
                   }});
}

}  // namespace differential
