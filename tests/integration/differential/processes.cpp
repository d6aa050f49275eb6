// What depends on the calling process: limits, signals, threads, peers.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "case.h"

namespace differential {
namespace {

int limit(__rlimit_resource what, rlim_t value) {
  const rlimit both{value, value};
  return ::setrlimit(what, &both);
}

}  // namespace

void add_processes(Cases& cases) {
  for (const bool ignored : {false, true}) {
    for (const long length : {5L, 50L, 500L}) {
      cases.push_back(
          {std::string("truncate under a size limit") + (ignored ? ", signal ignored " : " ") + std::to_string(length),
           [=] {
             return in_child([=] {
               if (ignored) ::signal(SIGXFSZ, SIG_IGN);
               limit(RLIMIT_FSIZE, 100);
               return line({result(::truncate("file", length)), result(::truncate("suid", 2))});
             });
           }});
    }
  }
  cases.push_back({"write under a size limit", [] {
                     return in_child([] {
                       ::signal(SIGXFSZ, SIG_IGN);
                       limit(RLIMIT_FSIZE, 10);
                       const int fd = ::open("new", O_CREAT | O_WRONLY, 0600);
                       return line({result(::write(fd, "0123456789abc", 13)), result(::write(fd, "x", 1)),
                                    result(::ftruncate(fd, 20))});
                     });
                   }});
  for (const int flags :
       {O_WRONLY, O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_WRONLY | O_TRUNC, O_RDWR | O_TMPFILE}) {
    for (const char* path : {"file", "new", "."}) {
      cases.push_back({"open without a free descriptor " + std::to_string(flags) + " " + path, [=] {
                         return in_child([=] {
                           const int top = ::dup(0);
                           ::close(top);
                           limit(RLIMIT_NOFILE, static_cast<rlim_t>(top));
                           return result(::open(path, flags, 0600));
                         });
                       }});
    }
  }
  cases.push_back({"the umask of a child is its own", [] {
                     ::umask(077);
                     auto out = in_child([] {
                       ::umask(0);
                       return describe(::open("child", O_CREAT | O_WRONLY, 0666));
                     });
                     out += " " + describe(::open("parent", O_CREAT | O_WRONLY, 0666));
                     ::umask(022);
                     return out;
                   }});
  cases.push_back({"threads share umask and working directory", [] {
                     std::string out;
                     std::thread([&] {
                       ::umask(027);
                       out += result(::chdir("dir"));
                     }).join();
                     out += " " + describe(::open("made", O_CREAT | O_WRONLY, 0666));
                     ::umask(022);
                     return out;
                   }});
  cases.push_back({"two ends of a fifo", [] {
                     return in_child([] {
                       const pid_t child = ::fork();
                       if (child == 0) {
                         const int fd = ::open("fifo", O_WRONLY);
                         ::_exit(::write(fd, "through", 7) == 7 ? 0 : 1);
                       }
                       const int fd = ::open("fifo", O_RDONLY);
                       char buffer[16];
                       auto out = result(::read(fd, buffer, sizeof buffer));
                       int status = 0;
                       ::waitpid(child, &status, 0);
                       return out + " " + std::to_string(WEXITSTATUS(status));
                     });
                   }});
  cases.push_back({"a waiting writer of a fifo can be killed", [] {
                     const pid_t child = ::fork();
                     if (child == 0) ::_exit(::open("fifo", O_WRONLY) >= 0 ? 0 : 1);
                     ::usleep(20'000);
                     ::kill(child, SIGKILL);
                     int status = 0;
                     ::waitpid(child, &status, 0);
                     return std::string(WIFSIGNALED(status) ? "killed" : "came out") + " " + result(::unlink("fifo"));
                   }});
  cases.push_back({"write to a running program", [] {
                     return in_child([] {
                       // A copy of this program, sleeping.
                       const int from = ::open("/proc/self/exe", O_RDONLY);
                       const int to = ::open("program", O_CREAT | O_WRONLY, 0755);
                       char buffer[65536];
                       for (ssize_t n = 0; (n = ::read(from, buffer, sizeof buffer)) > 0;) {
                         if (::write(to, buffer, static_cast<std::size_t>(n)) != n) return result(-1);
                       }
                       ::close(to);
                       int ends[2];
                       if (::pipe2(ends, O_CLOEXEC) != 0) return result(-1);
                       const pid_t child = ::fork();
                       if (child == 0) {
                         ::execl("./program", "program", "--sleep", nullptr);
                         ::_exit(1);
                       }
                       ::close(ends[1]);
                       char byte;
                       (void)!::read(ends[0], &byte, 1);  // closed by the exec
                       auto out = line({result(::open("program", O_WRONLY)), result(::truncate("program", 0)),
                                        result(::open("program", O_RDONLY | O_TRUNC))});
                       ::kill(child, SIGKILL);
                       ::waitpid(child, nullptr, 0);
                       return out + " " + result(::unlink("program"));
                     });
                   }});
  cases.push_back({"many processes make and remove files of one folder", [] {
                     pid_t children[4];
                     for (int each = 0; each < 4; ++each) {
                       children[each] = ::fork();
                       if (children[each] != 0) continue;
                       int failures = 0;
                       for (int i = 0; i < 50; ++i) {
                         const std::string name = "edir/" + std::to_string(each) + "-" + std::to_string(i);
                         const int fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
                         failures += fd < 0 || ::write(fd, "x", 1) != 1;
                         ::close(fd);
                         failures += ::rename(name.c_str(), (name + "r").c_str()) != 0;
                         failures += ::unlink((name + "r").c_str()) != 0;
                       }
                       ::_exit(failures);
                     }
                     std::string out;
                     for (const pid_t child : children) {
                       int status = 0;
                       ::waitpid(child, &status, 0);
                       out += std::to_string(WEXITSTATUS(status)) + " ";
                     }
                     return out;
                   }});
}

}  // namespace differential
