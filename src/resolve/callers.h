// Callers: who is calling. In: the thread id of a stopped call, and which actions were let through. Out: the thread,
// pinned, with its working directory, descriptors, umask and the process it belongs to.
// It never takes a number for a thread without checking that it is still the same one, and never keeps a working
// directory or a umask over a change that may still be on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "assent/action.h"
#include "assent/call.h"
#include "assent/result.h"
#include "resolve/caller.h"
#include "resolve/process_facts.h"

namespace assent::resolve {

class Callers {
 public:
  // At most about `most` threads are remembered; each costs up to three descriptors.
  static Result<Callers> create(std::size_t most = 1024);

  // The thread that makes `call`. ESRCH where it is gone. The session asks afterwards whether the call still waits
  // (ID_VALID): only then was it this thread.
  Result<CallerRef> pin(const Call& call);

  // To be told of every ChangeDirectory, ChangeUmask and Exec before it is let through.
  void observe(const CallerRef& caller, const Action& action);

  [[nodiscard]] int proc() const { return proc_.get(); }  // our own /proc
  [[nodiscard]] std::size_t size() const { return threads_.size(); }

 private:
  Callers(UniqueFd proc, std::size_t most) : proc_(std::move(proc)), most_(most) {}
  Result<CallerRef> meet(pid_t tid);
  Result<std::shared_ptr<Group>> group_of(const StatusFacts& facts, int generations, UniqueFd pidfd = {});
  [[nodiscard]] std::optional<StatusFacts> ask_quickly(int pidfd, pid_t tid) const;
  static void settle(const CallerRef& caller);
  static void settle_one(const CallerRef& caller);
  [[nodiscard]] bool is_only_thread(const Caller& caller) const;
  void make_room();

  UniqueFd proc_;
  UniqueFd inside_;  // the agent's pid namespace; none before the first caller, or where it cannot be had
  bool asked_inside_ = false;
  int depth_ = 0;  // how many pid namespaces count a process of the agent's
  std::size_t most_;
  std::size_t sweep_at_ = 64;
  std::uint64_t clock_ = 0;
  std::uint64_t next_id_ = 1;
  std::unordered_map<pid_t, CallerRef> threads_;
  std::unordered_map<pid_t, std::shared_ptr<Group>> groups_;
};

}  // namespace assent::resolve
