#include "resolve/process_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <span>

#include "base/kernel_abi.h"
#include "base/sys.h"
#include "resolve/spelling.h"

namespace assent::resolve {
namespace {

// "12/status" and the like, without a heap allocation.
struct ProcName {
  std::array<char, 48> text;
  ProcName(pid_t tid, const char* leaf) { std::snprintf(text.data(), text.size(), "%d/%s", tid, leaf); }
  [[nodiscard]] const char* c_str() const { return text.data(); }
};

// A file of /proc that the kernel gives whole to the first read that has room for it.
Result<std::size_t> read_once(int proc, pid_t tid, const char* leaf, std::span<char> out) {
  const UniqueFd file(::openat(proc, ProcName(tid, leaf).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(errno);
  ssize_t n = 0;
  do {
    n = ::read(file.get(), out.data(), out.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail(errno);
  return static_cast<std::size_t>(n);
}

// The numbers of a line, in any amount of white space.
std::vector<pid_t> numbers(std::string_view line, int base = 10) {
  std::vector<pid_t> out;
  while (!line.empty()) {
    int value = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), value, base);
    const auto used = static_cast<std::size_t>(stop - line.data());
    if (error == std::errc()) out.push_back(value);
    line.remove_prefix(std::max<std::size_t>(used, 1));
  }
  return out;
}

bool in_same_pid_namespace(int proc, pid_t one, pid_t other) {
  struct stat a {};
  struct stat b {};
  return ::fstatat(proc, ProcName(one, "ns/pid").c_str(), &a, 0) == 0 &&
         ::fstatat(proc, ProcName(other, "ns/pid").c_str(), &b, 0) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

}  // namespace

bool is_alive(int pidfd) {
  pollfd wait{pidfd, POLLIN, 0};
  for (;;) {
    // Even without waiting poll answers EINTR where a signal is pending.
    const int ready = ::poll(&wait, 1, 0);
    if (ready >= 0 || errno != EINTR) return ready == 0;
  }
}

Result<StatusFacts> parse_status(std::string_view text) {
  StatusFacts out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(":\t");
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 2);
    const auto number = [&](int base = 10) {
      const auto all = numbers(value, base);
      return all.empty() ? 0 : all.front();
    };
    if (key == "Name") out.name = value;
    if (key == "Umask") out.umask = static_cast<mode_t>(number(8));
    if (key == "Tgid") out.tgid = number();
    if (key == "PPid") out.parent = number();
    if (key == "NStgid" || key == "NSpid") {
      const auto all = numbers(value);
      if (all.empty()) continue;
      (key == "NSpid" ? out.inner_tid : out.inner_pid) = all.back();
      out.depth = static_cast<int>(all.size());
      if (key == "NSpid") break;  // nothing of interest comes after it
    }
  }
  if (out.tgid <= 0) return fail(ESRCH);
  if (out.inner_tid == 0) out.inner_tid = out.inner_pid;
  return out;
}

Result<StatusFacts> read_status(int proc, pid_t tid) {
  std::array<char, 16384> text;
  const auto size = read_once(proc, tid, "status", text);
  if (!size) return tl::unexpected<Error>(size.error());
  return parse_status({text.data(), *size});
}

Result<PidfdFacts> ask_pidfd(int pidfd) {
  abi::PidfdInfo info{};
  if (::ioctl(pidfd, abi::kPidfdGetInfo, &info) != 0) return fail(errno, "cannot ask a pidfd");
  if (info.tgid == 0) return fail(ESRCH);
  return PidfdFacts{static_cast<pid_t>(info.pid), static_cast<pid_t>(info.tgid), static_cast<pid_t>(info.ppid)};
}

bool waits_elsewhere(int proc, pid_t tid) {
  std::array<char, 256> text;  // "NUMBER ARGUMENTS…", "running", or "-1 …" outside of system calls
  const auto size = read_once(proc, tid, "syscall", text);
  if (!size) return false;
  int number = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + *size, number);
  return error == std::errc() && number >= 0 && number != SYS_execve && number != SYS_execveat;
}

Result<std::string> read_name(int proc, pid_t pid) {
  std::array<char, 64> text;  // TASK_COMM_LEN is 16
  const auto size = read_once(proc, pid, "comm", text);
  if (!size) return tl::unexpected<Error>(size.error());
  std::string out;
  for (const char c : std::string_view(text.data(), *size > 0 ? *size - 1 : 0)) {  // the kernel ends it with a newline
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<std::string> split_command_line(std::string_view bytes) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    out.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return out;
}

ImageFacts read_image(int proc, pid_t tid) {
  ImageFacts out;
  if (auto exe = sys::readlinkat(proc, ProcName(tid, "exe").c_str()); exe) out.exe = std::move(*exe);
  if (auto cwd = sys::readlinkat(proc, ProcName(tid, "cwd").c_str()); cwd) out.cwd = std::move(*cwd);
  if (auto file = sys::openat(proc, ProcName(tid, "cmdline").c_str(), O_RDONLY); file) {
    std::string bytes;
    std::array<char, 4096> part;
    while (bytes.size() < kMaxCommandLine) {
      const ssize_t n = ::read(file->get(), part.data(), part.size());
      if (n <= 0) break;
      bytes.append(part.data(), static_cast<std::size_t>(n));
      if (static_cast<std::size_t>(n) < part.size()) break;
    }
    out.argv = split_command_line(std::string_view(bytes).substr(0, kMaxCommandLine));
  }
  return out;
}

Result<pid_t> search_outer_pid(int proc, pid_t reference, pid_t inner, Which which) {
  auto listing = sys::openat(proc, ".", O_RDONLY | O_DIRECTORY);
  if (!listing) return pass(std::move(listing));
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(listing->release()), ::closedir);
  if (!folder) return sys::last_error("fdopendir");
  while (const dirent* entry = ::readdir(folder.get())) {
    const pid_t pid = decimal(entry->d_name);
    if (pid <= 0 || !in_same_pid_namespace(proc, pid, reference)) continue;
    auto tasks = sys::openat(proc, ProcName(pid, "task").c_str(), O_RDONLY | O_DIRECTORY);
    if (!tasks) continue;
    const std::unique_ptr<DIR, int (*)(DIR*)> threads(::fdopendir(tasks->release()), ::closedir);
    while (const dirent* thread = threads ? ::readdir(threads.get()) : nullptr) {
      const pid_t tid = decimal(thread->d_name);
      if (tid <= 0 || (which == Which::Process && tid != pid)) continue;
      const auto facts = read_status(proc, tid);
      if (facts && facts->inner_tid == inner) return tid;
    }
  }
  return fail(ESRCH);
}

Result<pid_t> outer_pid(int proc, pid_t reference, pid_t inner, Which which) {
  if (inner <= 0) return fail(ESRCH);
  auto space = sys::openat(proc, ProcName(reference, "ns/pid").c_str(), O_RDONLY);
  if (!space) return pass(std::move(space));
  const unsigned long request = which == Which::Process ? abi::kNsGetTgidFromPidns : abi::kNsGetPidFromPidns;
  const int found = ::ioctl(space->get(), request, static_cast<unsigned long>(inner));
  if (found > 0) return found;
  if (errno != ENOTTY && errno != EINVAL) return sys::last_error("ioctl");
  return search_outer_pid(proc, reference, inner, which);
}

}  // namespace assent::resolve
