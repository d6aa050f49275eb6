// StandIn: a thread that waits for one descriptor while the thread that made it sleeps elsewhere, in a system call that
// knows nothing of the descriptor. In: the descriptor. Out: that call ends with EINTR once the descriptor is readable.
// It never reads from the descriptor, and never interrupts any other call of that thread.
//
// The sleeper's way:  watch();  while (enter()) { the call; leave(); … }  what came is dealt with;  taken();
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent {

class StandIn {
 public:
  // For the thread that calls this. `fd` outlives the stand-in.
  static Result<std::unique_ptr<StandIn>> start(int fd);
  ~StandIn();
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  // From now on until taken(): watches, and remembers that something came.
  void watch();
  [[nodiscard]] bool came() const { return came_.load(); }
  // Just before the call that sleeps. False: something came already, and nothing may be waited for.
  [[nodiscard]] bool enter();
  // Just after it: what follows is not interrupted.
  void leave();
  // What came has been dealt with; nothing is watched any more.
  void taken();

 private:
  enum class Place { Away, Sleeping, Interrupted };

  StandIn(int fd, pid_t sleeper, UniqueFd end) : fd_(fd), sleeper_(sleeper), end_(std::move(end)) {}
  void run();

  int fd_;
  pid_t sleeper_;
  UniqueFd end_;  // eventfd: readable once the thread is to end
  std::atomic<bool> came_ = false;
  std::atomic<Place> place_ = Place::Away;
  std::mutex mutex_;
  std::condition_variable change_;
  bool watching_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace assent
