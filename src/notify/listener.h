// The listener: the supervisor's end of the seccomp filter. In: the descriptor that installing the filter gave. Out:
// one Call a stopped system call, and the way to answer it. The only notify ioctls of the program stand here. It never
// reads the agent's memory, never decides, and never answers "continue" but with the proof that a Continue holds.
//
// Every member may be used from several threads at once, each for other calls.
//
// No de-duplication. A call is notified a second time after its reply only where a signal interrupts the wait, and
// under WAIT_KILLABLE_RECV (which filter::install requires) only a deadly one does: measured 0 of 200,000 in a storm.
// Kernels from 5.19 up to the fix in 6.18 ("race with WAIT_KILLABLE_RECV if the tracer replies too fast") leave a
// window of a few instructions before the caller has gone over to the killable wait. Taking (thread, number, registers)
// for the same call would be worse than that: a program that reuses a buffer makes calls with equal registers and other
// names, and a repeated mkdir of a lock must be carried out each time. So a call that is notified twice is decided and
// recorded twice; the second finds the first one's work done (ENOENT, EEXIST), which loses nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "assent/call.h"
#include "assent/reply.h"
#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::notify {

// Whether the event loop has just shown EPOLLIN for fd() and nobody has received since. Then a poll can be saved.
enum class Readiness { Unknown, Seen };

class Listener {
 public:
  // Takes over the listener. Sets SYNC_WAKE_UP where the kernel has it (Linux 6.6): the answered caller then wakes on
  // the supervisor's own CPU. EINVAL: not a listener; EPROTO: its notifications are larger than this program knows.
  static Result<Listener> adopt(UniqueFd fd);

  // For epoll: EPOLLIN while a call waits, EPOLLHUP once the last process under the filter is gone.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool wakes_synchronously() const { return synchronous_; }

  // The next waiting call, without blocking. Nothing: none waits, or it died meanwhile, or it was refused here (a
  // caller invisible from our pid namespace: EPERM; a foreign ABI: ENOSYS). ESHUTDOWN: all users are gone and none will
  // come. With Readiness::Seen it waits for one where none does, until a signal comes.
  Result<std::optional<Call>> receive(Readiness readiness = Readiness::Unknown);

  // Whether the call still waits for its answer, so that what its thread id names is what made the call. To be asked
  // after everything was looked up by that id, before any of it is believed.
  [[nodiscard]] bool alive(std::uint64_t id) const;

  // Answers. Success: the caller got this reply. ENOENT: it is gone, nobody got anything. Where a
  // descriptor cannot be placed (EMFILE: the agent's own limit), the agent is answered with the errno, which is the
  // error here too. A ReturnErrno that is no errno is answered with EPERM.
  // `tid`, where given, is the waiting thread: it is then woken on our own CPU for the placing (near_us.h).
  Status reply(std::uint64_t id, const Reply& reply, pid_t tid = 0);

  // Places a copy of `fd` into the caller, which goes on waiting. Gives its number there.
  Result<int> add_descriptor(std::uint64_t id, int fd, CloseOnExec close_on_exec);
  // The same in the place of the caller's descriptor `number`, which is closed if open.
  Status set_descriptor(std::uint64_t id, int fd, int number, CloseOnExec close_on_exec);

 private:
  Listener(UniqueFd fd, bool synchronous) : fd_(std::move(fd)), synchronous_(synchronous) {}
  Status send(std::uint64_t id, std::int64_t value, int error, std::uint32_t flags);
  Result<int> place(std::uint64_t id, int fd, std::uint32_t flags, int number, CloseOnExec close_on_exec);

  UniqueFd fd_;
  bool synchronous_ = false;
};

}  // namespace assent::notify
