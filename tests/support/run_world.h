// A home with a project in it, and programs that run there with assent and without: as root for root and for an
// ordinary user, else for whoever runs the tests. What lay there before is fingerprinted, so that a test can say that
// nothing of it was lost or changed.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace assent::run_test {

namespace fs = std::filesystem;

enum class Who { Self, Ordinary };  // Ordinary: another user than root; only where we are root

// Looked up once, by everyone() before any test: the look-up takes locks that another thread of the test may hold when
// a child is forked, and the child would wait for them for ever.
inline uid_t ordinary_uid() {
  static const uid_t uid = [] {
    const passwd* user = ::getpwnam("tester");
    return user != nullptr ? user->pw_uid : 65534;
  }();
  return uid;
}

inline std::vector<Who> everyone() {
  if (::geteuid() == 0 && ordinary_uid() != 65534) return {Who::Self, Who::Ordinary};
  return {Who::Self};
}

inline std::string name(Who who) { return who == Who::Self ? "Self" : "Ordinary"; }

inline void PrintTo(Who who, std::ostream* out) { *out << name(who); }

// For good: only in a child.
inline void become(Who who) {
  if (who == Who::Self) return;
  const uid_t uid = ordinary_uid();
  // The bare calls: glibc's take locks that another thread of the test may have held when it was forked.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, uid, uid, uid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, uid) != 0) {
    ::_exit(99);
  }
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

inline void put(const std::string& path, std::string_view text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string get(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline bool there(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0;
}

// How many times slower than usual this machine is (emulated, or under a sanitizer): only limits of time grow with it.
inline int slowness() {
  const char* times = ::getenv("ASSENT_TEST_SLOWNESS");
  return times != nullptr ? std::max(1, std::atoi(times)) : 1;
}

inline std::string assent_binary() {
  const char* other = ::getenv("ASSENT_TEST_BINARY");
  return other != nullptr ? other : ASSENT_BINARY;
}

// One line for everything that must not change about a file. Not its times of access and of inode change: reading moves
// the one, and a file that was caught and put back has the other.
inline std::string fingerprint_of(const std::string& path) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) != 0) return "gone";
  std::ostringstream out;
  out << std::oct << stat.st_mode << std::dec << ' ' << stat.st_uid << ':' << stat.st_gid;
  // The times of a folder move when own files come and go in it; its number of links too.
  if (!S_ISDIR(stat.st_mode))
    out << " size " << stat.st_size << " time " << stat.st_mtim.tv_sec << '.' << stat.st_mtim.tv_nsec << " links "
        << stat.st_nlink;
  if (S_ISREG(stat.st_mode)) {
    out << " content " << std::hash<std::string>{}(get(path));
    const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int flags = 0;
    if (fd >= 0 && ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) out << " flags " << flags;
    if (fd >= 0) ::close(fd);
  }
  if (S_ISLNK(stat.st_mode)) out << " to " << fs::read_symlink(path).string();
  char names[1024];
  const ssize_t n = ::llistxattr(path.c_str(), names, sizeof names);
  if (n > 0) out << " attributes " << std::string(names, static_cast<std::size_t>(n));
  return out.str();
}

using Fingerprints = std::map<std::string, std::string>;

inline Fingerprints fingerprints(const std::string& root, const std::vector<std::string>& except = {}) {
  Fingerprints out;
  out[root] = fingerprint_of(root);
  for (auto i = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied);
       i != fs::recursive_directory_iterator(); ++i) {
    const std::string path = i->path().string();
    if (std::find(except.begin(), except.end(), path) != except.end()) {
      i.disable_recursion_pending();
      continue;
    }
    out[path] = fingerprint_of(path);
  }
  return out;
}

// What of `before` is lost or changed now; empty: nothing. What is new does not count.
inline std::string damage(const Fingerprints& before) {
  std::string out;
  for (const auto& [path, was] : before) {
    const std::string is = fingerprint_of(path);
    if (is != was) out += path + "\n  was " + was + "\n  is  " + is + "\n";
  }
  return out;
}

struct Outcome {
  int status = -1;  // exit status; 1000 + signal
  std::string out;
  std::string err;
};

struct Stdio {
  std::string in = "/dev/null";        // a file to open, or
  std::optional<std::string> in_text;  // what to send
  int in_fd = -1;                      // or a descriptor
  int in_flags = O_RDONLY;
  bool close_in = false;
  bool close_out = false;
};

class World {
 public:
  explicit World(Who runs_as = Who::Self) : who(runs_as) {
    char template_name[] = "/var/tmp/assent-run-XXXXXX";
    if (::mkdtemp(template_name) == nullptr) std::abort();
    root = template_name;
    ::chmod(template_name, 0755);
    home = root + "/home";
    project = home + "/project";
    state = home + "/.local/state";
    fs::create_directories(project);
    fs::create_directories(root + "/run");
    ::chmod((root + "/run").c_str(), 0700);
    put(project + "/victim1", "here before the agent\n");
    put(project + "/keep/f", "kept\n");
    put(project + "/keep/g", "kept as well\n");
    put(home + "/Documents/letter.txt", "a letter\n");
    put(home + "/.ssh/id_ed25519", "SECRET key\n");
    put(home + "/.profile", "# profile\n");
    fs::copy_file(VICTIM_BINARY, project + "/victim");
    ::chmod((project + "/victim").c_str(), 0755);
    give();
  }
  ~World() {
    // An attack may leave a folder that nobody may enter.
    std::error_code ignored;
    for (const auto& path : {home, project})
      ::fchmodat(AT_FDCWD, path.c_str(), 0755, fs::is_symlink(path, ignored) ? AT_SYMLINK_NOFOLLOW : 0);
    fs::remove_all(root, ignored);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Everything belongs to whom the agent runs as. Call it after adding to the world.
  void give() const {
    const uid_t uid = who == Who::Ordinary ? ordinary_uid() : ::geteuid();
    const auto own = [&](const std::string& path) {
      struct stat stat {};
      if (::lstat(path.c_str(), &stat) != 0 || stat.st_uid == uid) return;
      if (::lchown(path.c_str(), uid, uid) != 0) std::abort();
      if (!S_ISLNK(stat.st_mode)) ::chmod(path.c_str(), stat.st_mode & 07777);  // a change of owner takes set-user-id
    };
    own(root);
    for (const auto& entry : fs::recursive_directory_iterator(root)) own(entry.path().string());
  }

  // Everything but assent's own folder.
  [[nodiscard]] Fingerprints look() const {
    return fingerprints(root, {state + "/assent", home + "/.local", root + "/run"});
  }

  // Starts `argv` in the project as the world's user. `before_exec` runs in the child, as that user.
  pid_t start(
      const std::vector<std::string>& argv, std::array<int, 3> stdio,
      const std::function<void()>& before_exec = [] {}) const {
    const int program = argv[0] == assent_binary() ? ::open(argv[0].c_str(), O_RDONLY | O_CLOEXEC) : -1;
    const pid_t child = ::fork();
    if (child == 0) {
      become(who);
      std::vector<std::string> environment{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                           "HOME=" + home,
                                           "USER=u",
                                           "LC_ALL=C.UTF-8",
                                           "XDG_STATE_HOME=" + state,
                                           "XDG_CONFIG_HOME=" + home + "/.config",
                                           "XDG_RUNTIME_DIR=" + root + "/run",
                                           "GIT_AUTHOR_NAME=t",
                                           "GIT_AUTHOR_EMAIL=t@localhost",
                                           "GIT_COMMITTER_NAME=t",
                                           "GIT_COMMITTER_EMAIL=t@localhost"};
      environment.insert(environment.end(), extra_environment.begin(), extra_environment.end());
      std::vector<char*> arguments, variables;
      for (const auto& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
      for (const auto& word : environment) variables.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      variables.push_back(nullptr);
      if (::chdir((cwd.empty() ? project : cwd).c_str()) != 0) ::_exit(98);
      // Above 2 first, so that no dup2 overwrites what a later one needs.
      for (int& fd : stdio) {
        if (fd >= 0) fd = ::fcntl(fd, F_DUPFD, 10);
      }
      for (int i = 0; i < 3; ++i) {
        if (stdio[static_cast<std::size_t>(i)] >= 0)
          ::dup2(stdio[static_cast<std::size_t>(i)], i);
        else
          ::close(i);
      }
      for (const int fd : stdio) {
        if (fd >= 10) ::close(fd);
      }
      before_exec();
      if (program >= 0)
        ::syscall(SYS_execveat, program, "", arguments.data(), variables.data(), AT_EMPTY_PATH);
      else
        ::execvpe(arguments[0], arguments.data(), variables.data());
      ::_exit(97);
    }
    if (program >= 0) ::close(program);
    return child;
  }

  Outcome run(
      const std::vector<std::string>& argv, const Stdio& stdio = {},
      const std::function<void(pid_t)>& meanwhile = [](pid_t) {},
      const std::function<void()>& before_exec = [] {}) const {
    int in[2] = {-1, -1}, out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::abort();
    // A pipe belongs to whom made it, and opening it anew through /dev/stdout asks for that.
    if (who == Who::Ordinary && (::fchown(out[1], ordinary_uid(), ordinary_uid()) != 0 ||
                                 ::fchown(err[1], ordinary_uid(), ordinary_uid()) != 0))
      std::abort();
    int stdin_fd = stdio.in_fd;
    if (stdio.in_text) {
      if (::pipe2(in, O_CLOEXEC) != 0) std::abort();
      stdin_fd = in[0];
    } else if (stdio.close_in) {
      stdin_fd = -1;
    } else if (stdin_fd < 0) {
      stdin_fd = ::open(stdio.in.c_str(), stdio.in_flags | O_CLOEXEC);
    }
    const pid_t child = start(argv, {stdin_fd, stdio.close_out ? -1 : out[1], err[1]}, before_exec);
    ::close(out[1]);
    ::close(err[1]);
    if (stdin_fd >= 0 && stdin_fd != stdio.in_fd) ::close(stdin_fd);
    std::thread feeder;
    if (stdio.in_text) {
      feeder = std::thread([fd = in[1], &text = *stdio.in_text] {
        ::signal(SIGPIPE, SIG_IGN);
        std::size_t done = 0;
        while (done < text.size()) {
          const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
          if (n <= 0) break;
          done += static_cast<std::size_t>(n);
        }
        ::close(fd);
      });
    }
    std::thread busy([&] { meanwhile(child); });
    Outcome outcome;
    std::array<pollfd, 2> wait{pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}};
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(patience * slowness());
    while (wait[0].fd >= 0 || wait[1].fd >= 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "still running after " << patience << " s: " << argv[0];
        ::kill(child, SIGKILL);
        break;
      }
      if (::poll(wait.data(), 2, 500) <= 0) continue;
      for (std::size_t i = 0; i < 2; ++i) {
        if (wait[i].fd < 0 || wait[i].revents == 0) continue;
        char buffer[65536];
        const ssize_t n = ::read(wait[i].fd, buffer, sizeof buffer);
        if (n <= 0)
          wait[i].fd = -1;
        else
          (i == 0 ? outcome.out : outcome.err).append(buffer, static_cast<std::size_t>(n));
      }
    }
    ::close(out[0]);
    ::close(err[0]);
    busy.join();
    if (feeder.joinable()) feeder.join();
    int status = 0;
    ::waitpid(child, &status, 0);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return outcome;
  }

  // `assent run --headless OPTIONS… -- argv…`
  [[nodiscard]] std::vector<std::string> inside(const std::vector<std::string>& argv,
                                                const std::vector<std::string>& options = {}) const {
    std::vector<std::string> out{assent_binary(), "run", "--headless"};
    if (!profile_file.empty()) out.insert(out.end(), {"-p", profile_file});
    out.insert(out.end(), options.begin(), options.end());
    out.push_back("--");
    out.insert(out.end(), argv.begin(), argv.end());
    return out;
  }
  Outcome run_inside(
      const std::vector<std::string>& argv, const Stdio& stdio = {},
      const std::function<void(pid_t)>& meanwhile = [](pid_t) {}) const {
    return run(inside(argv), stdio, meanwhile);
  }
  Outcome shell(const std::string& script) const { return run({"sh", "-c", script}); }
  Outcome shell_inside(const std::string& script) const { return run_inside({"sh", "-c", script}); }
  Outcome assent(std::vector<std::string> verb_and_arguments) const {
    verb_and_arguments.insert(verb_and_arguments.begin(), assent_binary());
    return run(verb_and_arguments);
  }

  // For tests of the gate itself: what the vault would make good is refused as well.
  void be_strict() {
    profile_file = root + "/strict.toml";
    put(profile_file,
        "version = 1\nname = \"strict\"\nextends = [\"default\"]\n"
        "[[file]]\nops = [\"modify\"]\npaths = [\"/**\"]\nwhen = [\"own\"]\naction = \"allow\"\n"
        "[[file]]\nops = [\"modify\"]\npaths = [\"/**\"]\nwhen = [\"recoverable\"]\naction = \"allow\"\n"
        "[[file]]\nops = [\"modify\"]\npaths = [\"/**\"]\naction = \"ask\"\n");
    give();
  }

  const Who who;
  std::string profile_file;  // of what runs inside; empty: the one of its name
  std::string root, home, project, state;
  std::string cwd;  // empty: the project
  std::vector<std::string> extra_environment;
  int patience = 60;  // seconds
};

// The number after "KEY=" in what the victim printed; -1: none.
inline long number(const std::string& text, const std::string& key) {
  const auto at = text.find(key + "=");
  return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + key.size() + 1, nullptr, 10);
}

// What the victim said of one call: "ok", or the errno's name; empty: it said nothing.
inline std::string said(const std::string& text, const std::string& call) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(call + " ", 0) != 0) continue;
    const auto space = line.rfind(' ');
    return line.substr(space + 1);
  }
  return "";
}

inline bool has_raw_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
}

inline const auto kEveryone = [](const auto& each) { return name(each.param); };

class AsEveryone : public ::testing::TestWithParam<Who> {};

}  // namespace assent::run_test
