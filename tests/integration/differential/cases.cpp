// The differential list: calls that the broker performs, in every spelling, each in a fresh folder. Prints one line a
// case: name, what came of it, what changed in the tree. Run natively and inside the sandbox the output must be equal.
//
//   differential_cases DIR [PART-OF-A-NAME [STEP]]   DIR must be empty; what the cases made stays there. STEP n: every
//   nth
//
// It gives up its capabilities first: inside, nobody has any.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "case.h"

namespace differential {

std::string long_name(std::size_t bytes) { return std::string(bytes, 'n'); }

std::string long_path(std::size_t bytes) {
  std::string out;
  while (out.size() + 6 <= bytes) out += "./";
  out += "file";
  while (out.size() < bytes) out.insert(out.size() - 4, "/");
  return out;
}

std::string absolute(const std::string& name) {
  char here[4096];
  return std::string(::getcwd(here, sizeof here)) + "/" + name;
}

const std::vector<std::string>& all_paths() {
  static const std::vector<std::string> paths = {"file",
                                                 "./file",
                                                 "dir/../file",
                                                 "dir/in",
                                                 "./dir/.//in",
                                                 "file/",
                                                 "file/.",
                                                 "dir",
                                                 "dir/",
                                                 "dir/.",
                                                 "dir/..",
                                                 ".",
                                                 "..",
                                                 "./",
                                                 "../",
                                                 "edir",
                                                 "edir/",
                                                 "edir//",
                                                 "edir/.",
                                                 "edir/..",
                                                 "link",
                                                 "link/",
                                                 "dlink",
                                                 "dlink/",
                                                 "dlink/in",
                                                 "dlink/.",
                                                 "dlink/..",
                                                 "elink",
                                                 "elink/",
                                                 "dangling",
                                                 "dangling/",
                                                 "danglingdir",
                                                 "loop",
                                                 "loop/",
                                                 "loop/x",
                                                 "ring1",
                                                 "abslink",
                                                 "hard",
                                                 "fifo",
                                                 "fifo/",
                                                 "node",
                                                 "missing",
                                                 "missing/",
                                                 "missing/x",
                                                 "file/x",
                                                 "file/..",
                                                 "rodir",
                                                 "rodir/in",
                                                 "rodir/edir",
                                                 "rodir/new",
                                                 "noxdir",
                                                 "noxdir/in",
                                                 "noxdir/new",
                                                 "sticky/in",
                                                 "nowrite",
                                                 "noread",
                                                 "noperm",
                                                 "suid",
                                                 "marked",
                                                 "empty",
                                                 "new\nline \x1b[31m",
                                                 "\xff\xfe\xc3\x28",
                                                 "NAME255",
                                                 "NAME256",
                                                 "PATH4095",
                                                 "PATH4096",
                                                 "",
                                                 "/",
                                                 "//",
                                                 "/.",
                                                 "/..",
                                                 "ABS/file",
                                                 "ABS/dir",
                                                 "ABS/dir/in",
                                                 "ABS/edir",
                                                 "ABS/missing",
                                                 "ABS/link",
                                                 "ABS//file",
                                                 ".assentless"};
  return paths;
}

std::string result(long returned) {
  if (returned >= 0) return std::to_string(returned);
  const char* name = strerrorname_np(errno);
  return name != nullptr ? name : std::to_string(errno);
}

std::string describe(int fd) {
  if (fd < 0) return result(-1);
  struct stat st {};
  ::fstat(fd, &st);
  char text[160];
  const int flags = ::fcntl(fd, F_GETFL);
  std::snprintf(text, sizeof text, "fd flags=%o cloexec=%d mode=%o links=%lu", flags, ::fcntl(fd, F_GETFD) & FD_CLOEXEC,
                st.st_mode, static_cast<unsigned long>(st.st_nlink));
  std::string out = text;
  if (S_ISREG(st.st_mode)) out += " size=" + std::to_string(st.st_size);
  const bool may_hang = S_ISFIFO(st.st_mode) && (flags & O_NONBLOCK) == 0;
  out += " write=" + result(::write(fd, "Z", 1));
  char byte[4];
  if (!may_hang) out += " read=" + result(::read(fd, byte, sizeof byte));
  ::close(fd);
  return out;
}

std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return "pipe " + result(-1);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string line = body();
    if (::write(ends[1], line.data(), line.size()) < 0) ::_exit(9);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string out;
  char buffer[512];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) out += " killed by SIG" + std::string(sigabbrev_np(WTERMSIG(status)));
  return out;
}

namespace {

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ::syscall(SYS_capset, &header, none);
}

std::string one_line(std::string text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x20 && u < 0x7f) {
      out += c;
    } else {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", u);
      out += hex;
    }
  }
  return out;
}

int run(const std::string& root, const std::string& part, int every) {
  Cases cases;
  add_removals(cases);
  add_renames(cases);
  add_opens(cases);
  add_openat2(cases);
  add_links_and_nodes(cases);
  add_metadata(cases);
  add_descriptors(cases);
  add_processes(cases);

  int number = 0;
  int ran = 0;
  for (const Case& each : cases) {
    ++number;
    if (each.name.find(part) == std::string::npos || number % every != 0) continue;
    ++ran;
    const std::string folder = root + "/" + std::to_string(number);
    if (::mkdir(folder.c_str(), 0755) != 0 || ::chdir(folder.c_str()) != 0) {
      std::printf("cannot make %s: %s\n", folder.c_str(), strerrorname_np(errno));
      return 3;
    }
    build_fixture();
    const auto before = digest();
    if (ran == 1) {
      for (const auto& line : before) std::printf("fixture %s\n", line.c_str());
    }
    const std::string came = each.run();
    if (::chdir(folder.c_str()) != 0) return 3;
    const auto after = digest();
    std::printf("%s: %s", one_line(each.name).c_str(), one_line(came).c_str());
    for (const auto& line : before) {
      if (std::find(after.begin(), after.end(), line) == after.end()) std::printf(" | - %s", line.c_str());
    }
    for (const auto& line : after) {
      if (std::find(before.begin(), before.end(), line) == before.end()) std::printf(" | + %s", line.c_str());
    }
    std::printf("\n");
    if (::chdir(root.c_str()) != 0) return 3;
  }
  std::printf("cases: %d of %d\n", ran, number);
  return 0;
}

}  // namespace
}  // namespace differential

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--sleep") == 0) {  // the running program of a case
    ::sleep(60);
    return 0;
  }
  if (argc < 2 || argc > 4 || argv[1][0] != '/') {
    std::fprintf(stderr, "usage: %s ABSOLUTE-DIR [PART-OF-A-NAME [STEP]]\n", argv[0]);
    return 2;
  }
  differential::drop_capabilities();
  ::umask(022);
  ::signal(SIGPIPE, SIG_IGN);
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int every = argc == 4 ? std::max(1, std::atoi(argv[3])) : 1;
  return differential::run(argv[1], argc >= 3 ? argv[2] : "", every);
}
