// NamelessFiles: files that the session made with O_TMPFILE, held for a moment. Nothing tells us when the agent closes
// one; its inode number is then given out again at once, and within one tick of the clock that birth times are taken
// from the next file could not be told from it: a new one of the user's would pass for the session's own. As long as
// we hold one its number is not given out, and after the tick the birth times differ.
#pragma once

#include <cstddef>
#include <deque>

#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::session {

class NamelessFiles {
 public:
  explicit NamelessFiles(EventLoop& loop) : loop_(loop) {}
  ~NamelessFiles() { loop_.cancel(timer_); }
  NamelessFiles(const NamelessFiles&) = delete;
  NamelessFiles& operator=(const NamelessFiles&) = delete;

  // False: it cannot be held (there are too many), and must not count as the session's own.
  bool hold(int fd);
  [[nodiscard]] std::size_t held() const { return held_.size(); }

 private:
  struct Held {
    UniqueFd fd;  // O_PATH: keeps the inode, and keeps nobody from executing or locking it
    EventLoop::Clock::time_point since;
  };
  void release();
  void arm();

  EventLoop& loop_;
  EventLoop::TimerId timer_{};
  std::deque<Held> held_;
};

}  // namespace assent::session
