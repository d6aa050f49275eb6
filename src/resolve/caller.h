// Caller: one thread of the agent's, pinned. What it costs to ask the kernel about it is asked once and kept as long
// as it is certainly still true.
#pragma once

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assent/process.h"
#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::resolve {

class Caller;
class Callers;
using CallerRef = std::shared_ptr<Caller>;

// The threads of one process. They share working directory and umask (the filter denies CLONE_FS without
// CLONE_THREAD), so what one of them changes is forgotten for all of them.
struct Group {
  pid_t tgid = 0;
  pid_t inner_pid = 0;
  UniqueFd pidfd;  // of the whole process
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  ProcessRef process;             // empty: not read yet
  std::string name;               // short command name of this image; empty: not read yet
  std::weak_ptr<Group> above;     // its parent when it was met
  pid_t outside = 0;              // the parent, where that was none of the agent's processes
  std::uint32_t cwd_version = 1;  // a value kept under another version is not valid any more
  std::uint32_t umask_version = 1;
  // Threads whose chdir, umask or execve was let through and which have not called again: the change may take effect
  // at any moment, so until then nothing that it concerns is kept.
  std::vector<std::weak_ptr<Caller>> changing_cwd;
  std::vector<std::weak_ptr<Caller>> changing_umask;
  std::vector<std::weak_ptr<Caller>> changing_image;
  // The one that was let through while it was the only thread: until its change was made (or failed) nobody could
  // start another, so a call of any thread says that it is done.
  std::weak_ptr<Caller> alone;
};

struct Limits {
  rlimit file_size{};
  rlimit open_files{};
};

class Caller {
 public:
  [[nodiscard]] pid_t tid() const { return tid_; }
  [[nodiscard]] pid_t tgid() const { return group_->tgid; }
  [[nodiscard]] pid_t inner_tid() const { return inner_tid_; }
  [[nodiscard]] pid_t inner_pid() const { return group_->inner_pid; }
  [[nodiscard]] std::uint64_t process_id() const { return group_->id; }
  // The thread's own; the process's where the thread is its first.
  [[nodiscard]] int pidfd() const { return pidfd_ ? pidfd_.get() : group_->pidfd.get(); }
  [[nodiscard]] int process_pidfd() const { return group_->pidfd.get(); }
  // The pidfd of the process, for those who want to know of its end.
  [[nodiscard]] std::shared_ptr<const UniqueFd> process_end() const { return {group_, &group_->pidfd}; }
  // To this thread, as the kernel sends what a call of its brings about.
  void signal(int number) const;

  // Who it is, for the question and the record. Never empty.
  ProcessRef process();

  // Its working directory in the agent's view: a descriptor that stays valid until the next call of cwd(), and its
  // statistics. ESRCH where the thread is gone.
  struct WorkingDirectory {
    int fd = -1;
    const struct statx* stat = nullptr;
  };
  Result<WorkingDirectory> cwd();

  // A copy of its descriptor `fd`: EBADF, or ESRCH where the thread is gone.
  [[nodiscard]] Result<UniqueFd> descriptor(int fd) const;

  Result<mode_t> umask();
  [[nodiscard]] Result<Limits> limits() const;
  // Whether one more descriptor would fit now. Yes where the kernel does not tell (before Linux 6.2).
  [[nodiscard]] bool has_free_descriptor() const;
  [[nodiscard]] bool alive() const;

 private:
  friend class Callers;
  Caller(int proc, pid_t tid) : proc_(proc), tid_(tid) {}
  [[nodiscard]] bool image_changes(Group& group) const;
  Result<std::string> name_of(Group& group) const;
  [[nodiscard]] std::vector<std::string> ancestry() const;
  void climb(pid_t from, std::vector<std::string>& out) const;

  int proc_;  // our own /proc; Callers owns it and outlives its callers
  pid_t tid_;
  pid_t inner_tid_ = 0;
  UniqueFd pidfd_;     // none where that of the process is as good
  bool exact_ = true;  // the pidfd stands for this thread, not for any of its process
  std::shared_ptr<Group> group_;

  UniqueFd cwd_;
  struct statx cwd_stat_ {};
  std::uint32_t cwd_version_ = 0;  // 0: nothing kept

  mode_t umask_ = 0;
  std::uint32_t umask_version_ = 0;
  std::optional<mode_t> next_umask_;  // what its own umask call will have set
  std::uint32_t next_umask_version_ = 0;

  bool changing_ = false;  // stands in one of the group's lists
  std::uint64_t last_used_ = 0;
};

}  // namespace assent::resolve
