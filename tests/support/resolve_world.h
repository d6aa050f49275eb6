// World: a small sandbox for the tests of resolve: a process in user, mount and pid namespaces of its own, with a
// project (read-only), a free folder, a private one, a made-up home and a masked file, all in one temporary folder that
// has the same path on both sides. It does what the test tells it: chdir, open, umask …
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/sys.h"
#include "resolve/process_facts.h"
#include "resolve/resolver.h"

namespace assent::resolve::testing {

namespace fs = std::filesystem;

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class World {
 public:
  World() {
    char name[] = "/tmp/assent-resolve-XXXXXX";
    base_ = ::mkdtemp(name);
    for (const char* folder : {"project", "project/src", "free", "free/deep", "private", "home", "home/kept",
                               "home/.ssh", "home/.config", "stash", "outside"}) {
      fs::create_directory(base_ + "/" + folder);
    }
    write_file(project("a.txt"), "hello");
    write_file(project("src/b.c"), "int b;");
    write_file(project("secret"), "hush");
    write_file(base_ + "/home/kept/k", "k");
    write_file(base_ + "/home/.ssh/id", "key");
    write_file(base_ + "/home/.config/tool", "t");
    write_file(base_ + "/free/f", "f");
    write_file(base_ + "/outside/o", "o");
    write_file(base_ + "/empty", "");
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    ours_ = UniqueFd(pair[0]);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(pair[0]);
      inside(pair[1]);
    }
    ::close(pair[1]);
    long answer = -1;
    if (::recv(ours_.get(), &answer, sizeof answer, 0) != sizeof answer) answer = -1;
    tid_ = static_cast<pid_t>(answer);
  }
  ~World() {
    ours_.reset();
    int status = 0;
    ::waitpid(child_, &status, 0);
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] bool ready() const { return tid_ > 0; }
  [[nodiscard]] pid_t tid() const { return tid_; }
  [[nodiscard]] const std::string& base() const { return base_; }
  [[nodiscard]] std::string project(const std::string& name = {}) const {
    return base_ + "/project" + (name.empty() ? "" : "/" + name);
  }

  View view(std::function<bool(std::string_view)> hidden = {},
            std::function<Mount(std::uint64_t, int)> unknown = {}) const {
    View::Parts parts;
    parts.agent_root = UniqueFd(::open(("/proc/" + std::to_string(tid_) + "/root").c_str(), O_PATH | O_DIRECTORY));
    parts.host_root = UniqueFd(::open("/", O_PATH | O_DIRECTORY));
    const auto put = [&](const std::string& path, Mount mount) {
      const auto stat = sys::statx(parts.agent_root.get(), path.c_str(), 0);
      if (stat) parts.mounts[stat->stx_mnt_id] = mount;
    };
    put(".", {Zone::Read, Backing::Host});
    put("proc", {Zone::Kernel, Backing::Host});
    put("dev", {Zone::Kernel, Backing::Host});
    put(base_.substr(1) + "/project", {Zone::Gated, Backing::Host});
    put(base_.substr(1) + "/free", {Zone::Free, Backing::Host});
    put(base_.substr(1) + "/private", {Zone::Private, Backing::Host});
    put(base_.substr(1) + "/home", {Zone::Read, Backing::Built});
    put(base_.substr(1) + "/home/kept", {Zone::Read, Backing::Host});
    parts.hidden = std::move(hidden);
    parts.unknown = std::move(unknown);
    auto made = View::create(std::move(parts));
    if (!made) std::abort();
    return std::move(*made);
  }

  // What the process inside is told to do; the answer is its result or -errno.
  long tell(char what, const std::string& text = {}, long number = 0) const {
    Order order{};
    order.what = what;
    order.number = number;
    text.copy(order.text, sizeof order.text - 1);
    if (::send(ours_.get(), &order, sizeof order, MSG_NOSIGNAL) != sizeof order) return -EPIPE;
    long answer = -EPIPE;
    ::recv(ours_.get(), &answer, sizeof answer, 0);
    return answer;
  }
  long chdir(const std::string& path) const { return tell('c', path); }
  long open(const std::string& path, int flags) const { return tell('o', path, flags); }
  long close(long fd) const { return tell('x', {}, fd); }
  long umask(long mask) const { return tell('u', {}, mask); }
  long new_thread() const { return tell('t'); }   // the number from inside
  long new_process() const { return tell('f'); }  // the number from inside
  pid_t outer(long inner) const {
    const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY));
    const auto found = outer_pid(proc.get(), tid_, static_cast<pid_t>(inner), Which::Thread);
    return found ? *found : -1;
  }
  void end(long process) const { tell('k', {}, process); }  // the number from inside
  // The process becomes `sleep 2` and takes no more orders.
  void exec() const { tell('e'); }
  long thread_that_execs() const { return tell('E'); }  // its number from inside; it waits for go()
  void go() const { tell('g'); }
  long pipe_end() const { return tell('p'); }  // a descriptor that can be written to
  long memory_file() const { return tell('m'); }

 private:
  struct Order {
    char what;
    long number;
    char text[4200];
  };

  static void put(const char* path, const std::string& text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) ::_exit(3);
    ::close(fd);
  }
  void bind(const std::string& from, const std::string& to, unsigned long flags = 0) const {
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(4);
    if (flags != 0 && ::mount(nullptr, to.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) != 0) ::_exit(5);
  }

  [[noreturn]] void inside(int channel) const {
    const uid_t uid = ::getuid();
    const gid_t gid = ::getgid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0) ::_exit(2);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", std::to_string(uid) + " " + std::to_string(uid) + " 1");
    put("/proc/self/gid_map", std::to_string(gid) + " " + std::to_string(gid) + " 1");
    // Our own number as the outside counts: /proc is still the outside's.
    const pid_t init = ::fork();
    if (init != 0) {
      int status = 0;
      ::close(channel);
      ::waitpid(init, &status, 0);
      ::_exit(0);
    }
    const pid_t agent = ::fork();  // number 2; number 1 only waits
    if (agent != 0) {
      int status = 0;
      ::close(channel);
      ::waitpid(agent, &status, 0);
      ::_exit(0);
    }
    const long outer = outer_number();
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    bind(base_ + "/project", base_ + "/project", MS_RDONLY);
    bind(base_ + "/empty", base_ + "/project/secret");
    bind(base_ + "/free", base_ + "/free");
    if (::mount("private", (base_ + "/private").c_str(), "tmpfs", 0, nullptr) != 0) ::_exit(6);
    bind(base_ + "/home", base_ + "/stash");
    if (::mount("home", (base_ + "/home").c_str(), "tmpfs", 0, nullptr) != 0) ::_exit(7);
    ::mkdir((base_ + "/home/kept").c_str(), 0755);
    ::mkdir((base_ + "/home/.config").c_str(), 0755);
    bind(base_ + "/stash/kept", base_ + "/home/kept");
    if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(8);
    answer(channel, outer);
    serve(channel);
  }

  static void answer(int channel, long value) {
    if (::send(channel, &value, sizeof value, MSG_NOSIGNAL) != sizeof value) ::_exit(0);
  }
  // The number that the outer /proc gives to the thread that asks.
  static long outer_number() {
    char text[64] = {};
    const ssize_t n = ::readlink("/proc/thread-self", text, sizeof text - 1);
    const char* slash = n > 0 ? std::strrchr(text, '/') : nullptr;
    return slash == nullptr ? -1 : std::strtol(slash + 1, nullptr, 10);
  }
  [[noreturn]] static void serve(int channel) {
    Order order{};
    while (::recv(channel, &order, sizeof order, 0) == sizeof order) {
      long result = 0;
      switch (order.what) {
        case 'c':
          result = ::chdir(order.text);
          break;
        case 'o':
          result = ::open(order.text, static_cast<int>(order.number), 0644);
          break;
        case 'x':
          result = ::close(static_cast<int>(order.number));
          break;
        case 'u':
          result = static_cast<long>(::umask(static_cast<mode_t>(order.number)));
          break;
        case 't': {
          std::atomic<long> tid{0};
          std::thread([&tid] {
            tid = ::syscall(SYS_gettid);
            for (;;) ::pause();
          }).detach();
          while (tid == 0) ::sched_yield();
          result = tid;
          break;
        }
        case 'f':
          result = ::fork();
          if (result == 0) {
            for (;;) ::pause();
          }
          break;
        case 'k':
          ::kill(static_cast<pid_t>(order.number), SIGKILL);
          result = ::waitpid(static_cast<pid_t>(order.number), nullptr, 0);
          break;
        case 'p': {
          int ends[2];
          result = ::pipe(ends) == 0 ? ends[1] : -1;
          break;
        }
        case 'm':
          result = ::memfd_create("memory", 0);
          break;
        case 'e':
          become_sleep();
          break;
        case 'E': {  // the thread that is told by 'g' becomes another program
          std::atomic<long> tid{0};
          std::thread([&tid] {
            tid = ::syscall(SYS_gettid);
            while (!go_) ::usleep(1000);
            become_sleep();
          }).detach();
          while (tid == 0) ::sched_yield();
          result = tid;
          break;
        }
        case 'g':
          go_ = true;
          break;
        case 'r':
          result = ::open(order.text, O_RDWR | O_TMPFILE, 0600);
          break;
      }
      answer(channel, result < 0 ? -errno : result);
    }
    ::_exit(0);
  }

  static void become_sleep() {
    const char* argv[] = {"sleep", "2", nullptr};
    ::execv("/bin/sleep", const_cast<char**>(argv));
  }

  static inline std::atomic<bool> go_ = false;
  std::string base_;
  UniqueFd ours_;
  pid_t child_ = -1;
  pid_t tid_ = -1;
};

}  // namespace assent::resolve::testing
