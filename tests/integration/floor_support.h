// Runs shell scripts in a sandbox, as root and as an ordinary user, each in a process of its own, in a throw-away
// folder. The filter lets everything pass: what holds in these tests is the floor alone.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "launch/sandbox.h"

namespace assent::floor_test {

inline std::array<sock_filter, 1> allow_all() { return {sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}}; }

enum class Who { Self, Ordinary };  // Ordinary: another user than root; the same as Self where we are not root

inline std::vector<Who> everyone() {
  if (::geteuid() == 0) return {Who::Self, Who::Ordinary};
  return {Who::Self};
}

inline const char* name(Who who) { return who == Who::Self ? "self" : "ordinary"; }

inline uid_t ordinary_uid() {
  if (const passwd* user = ::getpwnam("tester")) return user->pw_uid;
  return 65534;
}

inline void become(Who who, const std::vector<gid_t>& groups = {}) {
  if (who == Who::Self) return;
  const uid_t uid = ordinary_uid();
  if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(uid, uid, uid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    std::abort();
  }
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

inline void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string get(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// A home with secrets and a project in it, below /var/tmp (so that /tmp can be private without covering it).
class World {
 public:
  explicit World(Who who) {
    char name[] = "/var/tmp/assent-floor-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    root = name;
    ::chmod(name, 0755);
    home = root + "/home";
    project = home + "/project";
    put(project + "/file.txt", "project\n");
    put(project + "/.env", "SECRET=1\n");
    put(project + "/src/main.c", "int main() {}\n");
    put(home + "/.ssh/id", "key\n");
    put(home + "/.netrc", "password\n");
    put(home + "/.config/gh/hosts", "token\n");
    put(home + "/.config/other/file", "plain\n");
    put(home + "/.profile", "profile\n");
    put(home + "/cache/file", "cached\n");
    if (who == Who::Ordinary) {
      const uid_t uid = ordinary_uid();
      std::filesystem::recursive_directory_iterator all(root);
      if (::lchown(root.c_str(), uid, uid) != 0) std::abort();
      for (const auto& entry : all) {
        if (::lchown(entry.path().c_str(), uid, uid) != 0) std::abort();
      }
    }
    layout.project = project;
    layout.gated = {project};
    layout.free = {home + "/cache"};
    layout.private_folders = {"/tmp"};
    layout.hidden = {home + "/.ssh", home + "/.netrc", home + "/.config/gh", home + "/.never-there"};
  }
  ~World() {
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::string root;
  std::string home;
  std::string project;
  launch::Layout layout;
};

struct Outcome {
  int status = -1;      // exit status of the agent; 1000 + signal; 2000: did not start
  std::string out;      // its standard output and error
  std::string error;    // why it did not start
  int supervisor = -1;  // exit status of the process that held the sandbox
};

struct Stay {
  Who who = Who::Self;
  std::vector<gid_t> groups = {};
  std::function<void(launch::Spec&)> prepare = [](launch::Spec&) {};
  std::function<void(launch::Sandbox&)> before_go = [](launch::Sandbox&) {};
};

// Waits for the agent's end; other events are passed on.
inline int wait_for_end(
    launch::Sandbox& sandbox, const std::function<void(const launch::AgentEvent&)>& on_event = [](const auto&) {}) {
  using Kind = launch::AgentEvent::Kind;
  for (;;) {
    pollfd wait{sandbox.events(), POLLIN, 0};
    if (::poll(&wait, 1, 30'000) <= 0) return 3000;
    auto event = sandbox.next_event();
    if (!event || !*event) continue;
    on_event(**event);
    switch ((*event)->kind) {
      case Kind::Exited:
        return (*event)->value;
      case Kind::Killed:
        return 1000 + (*event)->value;
      case Kind::Gone:
        return 4000;
      case Kind::ExecFailed:
      case Kind::Stopped:
      case Kind::Continued:
        break;
    }
  }
}

// In a process of its own, because it may become another user.
inline Outcome run_inside(const World& world, const std::string& script, const Stay& run = {}) {
  Outcome outcome;
  int out[2];
  int told[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(told, O_CLOEXEC) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    // A pipe belongs to whom made it, and opening it anew through /dev/stdout asks for that.
    if (run.who == Who::Ordinary && ::fchown(out[1], ordinary_uid(), ordinary_uid()) != 0) std::abort();
    become(run.who, run.groups);
    ::close(out[0]);
    ::close(told[0]);
    const auto filter = allow_all();
    launch::Spec spec;
    spec.layout = world.layout;
    spec.argv = {"sh", "-c", script};
    spec.environment = {"PATH=/usr/bin:/bin", "HOME=" + world.home, "PROJECT=" + world.project, "LC_ALL=C"};
    spec.cwd = world.project;
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    spec.stdio = {null, out[1], out[1]};
    spec.filter = filter;
    run.prepare(spec);
    auto sandbox = launch::Sandbox::start(spec);
    if (!sandbox) {
      const std::string& what = sandbox.error().what;
      if (::write(told[1], what.data(), what.size()) < 0) std::abort();
      ::_exit(200);
    }
    run.before_go(*sandbox);
    int status = 5000;
    if (sandbox->go()) status = wait_for_end(*sandbox);
    if (::write(told[1], &status, sizeof status) < 0) std::abort();
    sandbox->kill();
    ::_exit(0);
  }
  ::close(out[1]);
  ::close(told[1]);
  const auto drain = [](int fd) {
    std::string text;
    char buffer[4096];
    ssize_t n;
    while ((n = ::read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
    return text;
  };
  outcome.out = drain(out[0]);
  const std::string told_text = drain(told[0]);
  int wstatus = 0;
  ::waitpid(child, &wstatus, 0);
  outcome.supervisor = WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 1000 + WTERMSIG(wstatus);
  if (WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 0 && told_text.size() == sizeof(int)) {
    std::memcpy(&outcome.status, told_text.data(), sizeof(int));
  } else {
    outcome.status = 2000;
    outcome.error = told_text;
  }
  return outcome;
}

}  // namespace assent::floor_test
