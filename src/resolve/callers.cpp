#include "resolve/callers.h"

#include <fcntl.h>

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/kernel_abi.h"
#include "base/sys.h"

namespace assent::resolve {
namespace {

std::size_t remove(std::vector<std::weak_ptr<Caller>>& changing, const CallerRef& caller) {
  return std::erase_if(changing, [&](const auto& one) { return one.lock() == caller; });
}

UniqueFd pid_namespace_of(int proc, pid_t tid) {
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "%d/ns/pid", tid);
  return UniqueFd(::openat(proc, name.data(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

Result<Callers> Callers::create(std::size_t most) {
  auto proc = sys::openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
  if (!proc) return pass(std::move(proc));
  return Callers(std::move(*proc), std::max<std::size_t>(most, 1));
}

Result<CallerRef> Callers::pin(const Call& call) {
  const auto found = threads_.find(call.tid);
  if (found != threads_.end()) {
    const CallerRef& caller = found->second;
    if (caller->alive() && (caller->exact_ || call.tid == caller->tgid())) {
      caller->last_used_ = ++clock_;
      settle(caller);
      return caller;
    }
    threads_.erase(found);  // a dead thread's number, given out again
  }
  auto met = meet(call.tid);
  if (!met && met.error().code == EMFILE && threads_.size() > 1) {
    // Fewer descriptors than we were promised: from now on fewer threads are remembered.
    most_ = threads_.size() / 2;
    make_room();
    met = meet(call.tid);
  }
  return met;
}

Result<CallerRef> Callers::meet(pid_t tid) {
  if (tid <= 0) return fail(ESRCH, "cannot pin a caller that is not visible");
  if (threads_.size() >= sweep_at_) make_room();
  const CallerRef caller(new Caller(proc_.get(), tid));
  // Most callers are the first thread of their process, and its number stays with it as long as the process lives.
  auto pidfd = sys::pidfd_open(tid);
  const bool leader = pidfd.has_value();
  if (!leader) pidfd = sys::pidfd_open(tid, abi::kPidfdThread);
  std::optional<StatusFacts> facts;
  bool whole = false;
  if (pidfd) facts = ask_quickly(pidfd->get(), tid);
  if (!facts) {
    auto read = read_status(proc_.get(), tid);
    if (!read) return pass(std::move(read));
    facts = std::move(*read);
    whole = true;
  }
  if (!pidfd) {  // no leader, and no pidfd of its own either: pin the process, keep nothing of the thread
    pidfd = sys::pidfd_open(facts->tgid);
    caller->exact_ = false;
  }
  if (!pidfd) return pass(std::move(pidfd));
  caller->inner_tid_ = facts->inner_tid;
  const bool shares = leader && facts->tgid == tid;
  if (!shares) caller->pidfd_ = std::move(*pidfd);
  auto group = group_of(*facts, 64, shares ? std::move(*pidfd) : UniqueFd());
  if (!group) return pass(std::move(group));
  caller->group_ = std::move(*group);
  if (whole) {
    caller->umask_ = facts->umask;
    if (caller->group_->changing_umask.empty() && caller->exact_)
      caller->umask_version_ = caller->group_->umask_version;
  }
  UniqueFd inside;
  if (!inside_ && !asked_inside_) inside = pid_namespace_of(proc_.get(), tid);
  // What was read above was this thread's only if it still lives now.
  if (!caller->alive()) return fail(ESRCH);
  if (!inside_ && !asked_inside_) {
    asked_inside_ = true;
    inside_ = std::move(inside);
    depth_ = facts->depth;
  }
  caller->last_used_ = ++clock_;
  threads_[tid] = caller;
  settle(caller);
  return caller;
}

// The caller stands still, so if it is alone it stays alone. The kernel counts threads as links of their folder.
bool Callers::is_only_thread(const Caller& caller) const {
  if (!caller.exact_ || caller.tid() != caller.tgid()) return false;
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "%d/task", caller.tgid());
  struct statx task {};
  constexpr unsigned kNoThreads = 2;
  return ::statx(proc_.get(), name.data(), AT_SYMLINK_NOFOLLOW, STATX_NLINK, &task) == 0 &&
         task.stx_nlink == kNoThreads + 1;
}

// Everything but the name and the umask, which few callers are asked for. The sandbox is one pid namespace and nothing
// inside may make another, so the first caller's is everybody's. None: the status file has to be read.
std::optional<StatusFacts> Callers::ask_quickly(int pidfd, pid_t tid) const {
  if (!inside_) return std::nullopt;
  const auto numbers = ask_pidfd(pidfd);
  if (!numbers || numbers->tid != tid) return std::nullopt;
  StatusFacts facts;
  facts.tgid = numbers->tgid;
  facts.parent = numbers->parent;
  facts.depth = depth_;
  facts.inner_tid = ::ioctl(inside_.get(), abi::kNsGetPidInPidns, static_cast<unsigned long>(tid));
  facts.inner_pid = tid == facts.tgid ? facts.inner_tid
                                      : ::ioctl(inside_.get(), abi::kNsGetTgidInPidns, static_cast<unsigned long>(tid));
  if (facts.inner_tid <= 0 || facts.inner_pid <= 0) return std::nullopt;
  return facts;
}

// Parents are met with their children, so that each process has its number before it calls for the first time.
Result<std::shared_ptr<Group>> Callers::group_of(const StatusFacts& facts, int generations, UniqueFd pidfd) {
  const auto known = groups_.find(facts.tgid);
  if (known != groups_.end() && is_alive(known->second->pidfd.get())) return known->second;
  auto group = std::make_shared<Group>();
  if (!pidfd) {
    auto opened = sys::pidfd_open(facts.tgid);
    if (!opened) return pass(std::move(opened));
    pidfd = std::move(*opened);
  }
  group->pidfd = std::move(pidfd);
  group->tgid = facts.tgid;
  group->inner_pid = facts.inner_pid;
  if (const auto above = groups_.find(facts.parent); above != groups_.end() && is_alive(above->second->pidfd.get())) {
    group->parent = above->second->id;
    group->above = above->second;
  } else if (facts.parent > 0 && generations > 0) {
    const auto parent = read_status(proc_.get(), facts.parent);
    // Number 1 of the sandbox, and whatever is outside, is nobody's parent in the record.
    if (parent && parent->depth == facts.depth && !(facts.depth > 1 && parent->inner_pid == 1)) {
      if (auto met = group_of(*parent, generations - 1); met) {
        group->parent = (*met)->id;
        group->above = *met;
      }
    } else if (parent) {
      group->outside = facts.parent;
    }
  }
  group->id = next_id_++;
  groups_[facts.tgid] = group;
  return group;
}

// The caller makes another call: whatever it was let through to do is done, and what was let through while its process
// had one thread only.
void Callers::settle(const CallerRef& caller) {
  Group& group = *caller->group_;
  if (const CallerRef alone = group.alone.lock(); alone && alone != caller) settle_one(alone);
  group.alone.reset();
  if (caller->changing_) settle_one(caller);
}

void Callers::settle_one(const CallerRef& caller) {
  Group& group = *caller->group_;
  caller->changing_ = false;
  remove(group.changing_cwd, caller);
  remove(group.changing_image, caller);
  if (remove(group.changing_umask, caller) > 0 && caller->next_umask_ && group.changing_umask.empty() &&
      caller->next_umask_version_ == group.umask_version && caller->exact_) {
    caller->umask_ = *caller->next_umask_;
    caller->umask_version_ = group.umask_version;
  }
  caller->next_umask_.reset();
}

void Callers::observe(const CallerRef& caller, const Action& action) {
  Group& group = *caller->group_;
  group.alone.reset();
  // Not asked at each execve: see Caller::image_changes.
  if (!std::holds_alternative<Exec>(action) && is_only_thread(*caller)) group.alone = caller;
  const auto begin = [&](std::vector<std::weak_ptr<Caller>>& changing) {
    caller->changing_ = true;
    remove(changing, caller);
    changing.push_back(caller);
  };
  if (std::holds_alternative<ChangeDirectory>(action)) {
    ++group.cwd_version;
    begin(group.changing_cwd);
  } else if (const auto* change = std::get_if<ChangeUmask>(&action)) {
    ++group.umask_version;
    begin(group.changing_umask);
    caller->next_umask_ = change->mask & 0777;
    caller->next_umask_version_ = group.umask_version;
  } else if (std::holds_alternative<Exec>(action)) {
    group.process.reset();
    group.name.clear();
    begin(group.changing_image);
    // A thread that is not the first takes the first one's number when it succeeds, and may have its own fs struct.
    if (caller->tid() != group.tgid) {
      ++group.cwd_version;
      ++group.umask_version;
      begin(group.changing_cwd);
      begin(group.changing_umask);
      caller->next_umask_.reset();
    }
  }
}

// Forgets the dead; where that is not enough, those that called least recently.
void Callers::make_room() {
  std::erase_if(threads_, [](const auto& entry) { return !entry.second->alive(); });
  if (threads_.size() >= most_) {
    std::vector<std::uint64_t> used;
    used.reserve(threads_.size());
    for (const auto& [tid, caller] : threads_) used.push_back(caller->last_used_);
    const auto middle = used.begin() + static_cast<std::ptrdiff_t>(used.size() / 2);
    std::nth_element(used.begin(), middle, used.end());
    // One with a change on its way stays: it alone can settle it.
    std::erase_if(threads_,
                  [&](const auto& entry) { return !entry.second->changing_ && entry.second->last_used_ < *middle; });
  }
  // A living process keeps its number although none of its threads is remembered.
  std::erase_if(groups_, [](const auto& entry) { return !is_alive(entry.second->pidfd.get()); });
  sweep_at_ = std::min(std::max<std::size_t>(64, threads_.size() * 2), std::max(most_, threads_.size() + 1));
}

}  // namespace assent::resolve
