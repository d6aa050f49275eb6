#include "resolve/callers.h"

#include <fcntl.h>

#include <algorithm>

#include "base/kernel_abi.h"
#include "base/sys.h"
#include "resolve/process_facts.h"

namespace assent::resolve {
namespace {

std::size_t remove(std::vector<std::weak_ptr<Caller>>& changing, const CallerRef& caller) {
  return std::erase_if(changing, [&](const auto& one) { return one.lock() == caller; });
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
      if (caller->changing_) settle(caller);
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
  auto pidfd = sys::pidfd_open(tid, abi::kPidfdThread);
  if (!pidfd && pidfd.error().code == EINVAL) {  // before Linux 6.9
    pidfd = sys::pidfd_open(tid);
    caller->exact_ = pidfd.has_value();
  }
  auto facts = read_status(proc_.get(), tid);
  if (!facts) return pass(std::move(facts));
  if (!pidfd) {  // no leader, and no pidfd of its own either: pin the process, keep nothing of the thread
    pidfd = sys::pidfd_open(facts->tgid);
    caller->exact_ = false;
  }
  if (!pidfd) return pass(std::move(pidfd));
  caller->pidfd_ = std::move(*pidfd);
  caller->inner_tid_ = facts->inner_tid;
  auto group = group_of(facts->tgid, facts->parent, facts->inner_pid, facts->depth, 64);
  if (!group) return pass(std::move(group));
  caller->group_ = std::move(*group);
  caller->umask_ = facts->umask;
  if (caller->group_->changing_umask.empty() && caller->exact_) caller->umask_version_ = caller->group_->umask_version;
  // What was read above was this thread's only if it still lives now.
  if (!caller->alive()) return fail(ESRCH);
  caller->last_used_ = ++clock_;
  threads_[tid] = caller;
  return caller;
}

// Parents are met with their children, so that each process has its number before it calls for the first time.
Result<std::shared_ptr<Group>> Callers::group_of(pid_t tgid, pid_t parent, pid_t inner, int depth, int generations) {
  const auto known = groups_.find(tgid);
  if (known != groups_.end() && is_alive(known->second->pidfd.get())) return known->second;
  auto group = std::make_shared<Group>();
  auto pidfd = sys::pidfd_open(tgid);
  if (!pidfd) return pass(std::move(pidfd));
  group->pidfd = std::move(*pidfd);
  group->tgid = tgid;
  group->inner_pid = inner;
  if (const auto above = groups_.find(parent); above != groups_.end() && is_alive(above->second->pidfd.get())) {
    group->parent = above->second->id;
  } else if (parent > 0 && generations > 0) {
    const auto facts = read_status(proc_.get(), parent);
    // Number 1 of the sandbox, and whatever is outside, is nobody's parent in the record.
    if (facts && facts->depth == depth && !(depth > 1 && facts->inner_pid == 1)) {
      if (auto above = group_of(facts->tgid, facts->parent, facts->inner_pid, depth, generations - 1); above) {
        group->parent = (*above)->id;
      }
    }
  }
  group->id = next_id_++;
  groups_[tgid] = group;
  return group;
}

// The caller makes another call: whatever it was let through to do is done.
void Callers::settle(const CallerRef& caller) {
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
