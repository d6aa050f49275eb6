#include "resolve/caller.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "base/sys.h"
#include "resolve/look.h"
#include "resolve/process_facts.h"
#include "resolve/spelling.h"

namespace assent::resolve {
namespace {

// Whether a change that was let through may still be on its way. A thread that died will not make it any more.
bool unsettled(std::vector<std::weak_ptr<Caller>>& changing) {
  if (changing.empty()) return false;
  std::erase_if(changing, [](const auto& one) {
    const CallerRef caller = one.lock();
    return !caller || !caller->alive();
  });
  return !changing.empty();
}

constexpr std::size_t kMostAncestors = 32;

}  // namespace

// A thread that was let through to execve is done with it when it calls again, or when it is seen in another system
// call: many programs leave their calls to other threads or other processes.
bool Caller::image_changes(Group& group) const {
  std::erase_if(group.changing_image, [&](const auto& one) {
    const CallerRef caller = one.lock();
    if (!caller || caller.get() == this || caller->tid() != group.tgid) return false;
    if (!waits_elsewhere(proc_, caller->tid())) return false;
    caller->changing_ = false;
    return true;
  });
  return unsettled(group.changing_image);
}

// Read once an image, as the rest of what is shown of a process.
Result<std::string> Caller::name_of(Group& group) const {
  const bool changing = image_changes(group);
  if (!changing && !group.name.empty()) return group.name;
  auto name = read_name(proc_, group.tgid);
  if (name && !changing) group.name = *name;
  return name;
}

bool Caller::alive() const { return is_alive(pidfd()); }

void Caller::signal(int number) const {
  constexpr unsigned kToThread = 1;  // PIDFD_SIGNAL_THREAD, Linux 6.9
  if (::syscall(SYS_pidfd_send_signal, pidfd(), number, nullptr, kToThread) != 0 && errno == EINVAL)
    ::syscall(SYS_pidfd_send_signal, pidfd(), number, nullptr, 0);
}

ProcessRef Caller::process() {
  const bool changing = image_changes(*group_);
  if (!changing && group_->process) return group_->process;
  auto process = std::make_shared<Process>();
  process->id = group_->id;
  process->parent = group_->parent;
  process->pid = group_->tgid;
  process->inner_pid = group_->inner_pid;
  ImageFacts image = read_image(proc_, tid_);
  process->exe = std::move(image.exe);
  process->argv = std::move(image.argv);
  process->cwd = std::move(image.cwd);
  process->ancestry = ancestry();
  if (!changing) group_->process = process;
  return process;
}

// Up to the first process of the sandbox (number 1 in there), which is ours and not part of the story.
std::vector<std::string> Caller::ancestry() const {
  std::vector<std::string> out;
  std::shared_ptr<Group> group = group_;
  while (out.size() < kMostAncestors) {
    // Who is above now: a parent that died has left its children to another.
    const auto now = ask_pidfd(group->pidfd.get());
    if (now && now->parent == group->outside) return out;
    auto above = group->above.lock();
    if (!now || !above || above->tgid != now->parent) break;
    auto name = name_of(*above);
    if (!name || !is_alive(above->pidfd.get())) break;
    out.push_back(std::move(*name));
    group = std::move(above);
  }
  climb(group->tgid, out);
  return out;
}

// The same for those that are not known here, and before Linux 6.13.
void Caller::climb(pid_t from, std::vector<std::string>& out) const {
  auto facts = read_status(proc_, from);
  const int depth = facts ? facts->depth : 0;
  while (facts && facts->parent > 0 && out.size() < kMostAncestors) {
    facts = read_status(proc_, facts->parent);
    if (!facts || facts->depth != depth || (depth > 1 && facts->inner_pid == 1)) break;
    out.push_back(facts->name);
  }
}

Result<Caller::WorkingDirectory> Caller::cwd() {
  if (cwd_version_ == group_->cwd_version && group_->changing_cwd.empty()) {
    return WorkingDirectory{cwd_.get(), &cwd_stat_};
  }
  // Asked before the look: a change that settles in between is seen the next time.
  const bool keep = !unsettled(group_->changing_cwd) && exact_;
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "%d/cwd", tid_);
  auto fresh = sys::openat(proc_, name.data(), O_PATH | O_DIRECTORY);
  // The number may have come to mean another thread; if ours still lives after the look, it was ours.
  if (!alive()) return fail(ESRCH);
  if (!fresh) return pass(std::move(fresh));
  cwd_ = std::move(*fresh);
  cwd_version_ = 0;
  if (const int error = look(cwd_.get(), "", cwd_stat_); error != 0) return fail(error);
  if (keep) cwd_version_ = group_->cwd_version;
  return WorkingDirectory{cwd_.get(), &cwd_stat_};
}

Result<UniqueFd> Caller::descriptor(int fd) const {
  if (fd < 0) return fail(EBADF);
  return sys::pidfd_getfd(pidfd(), fd);
}

Result<mode_t> Caller::umask() {
  if (umask_version_ == group_->umask_version && group_->changing_umask.empty()) return umask_;
  const bool keep = !unsettled(group_->changing_umask) && exact_;
  auto facts = read_status(proc_, tid_);
  if (!alive()) return fail(ESRCH);
  if (!facts) return pass(std::move(facts));
  umask_ = facts->umask;
  umask_version_ = keep ? group_->umask_version : 0;
  return umask_;
}

Result<Limits> Caller::limits() const {
  Limits out;
  if (::prlimit(tid_, RLIMIT_FSIZE, nullptr, &out.file_size) != 0) return sys::last_error("prlimit");
  if (::prlimit(tid_, RLIMIT_NOFILE, nullptr, &out.open_files) != 0) return sys::last_error("prlimit");
  if (!alive()) return fail(ESRCH);
  return out;
}

bool Caller::has_free_descriptor() const {
  rlimit files{};
  if (::prlimit(tid_, RLIMIT_NOFILE, nullptr, &files) != 0) return true;
  const rlim_t most = files.rlim_cur;
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "%d/fd", tid_);
  struct statx folder {};
  if (::statx(proc_, name.data(), AT_SYMLINK_NOFOLLOW, STATX_SIZE, &folder) != 0 || folder.stx_size < most) return true;
  // As many as the limit; but some may have numbers above it, from before it was lowered.
  auto opened = sys::openat(proc_, name.data(), O_RDONLY | O_DIRECTORY);
  if (!opened) return true;
  const std::unique_ptr<DIR, int (*)(DIR*)> numbers(::fdopendir(opened->get()), ::closedir);
  if (!numbers) return true;
  (void)opened->release();
  rlim_t below = 0;
  while (const dirent* entry = ::readdir(numbers.get())) {
    const int number = decimal(entry->d_name);
    if (number >= 0 && static_cast<rlim_t>(number) < most) ++below;
  }
  return below < most;
}

}  // namespace assent::resolve
