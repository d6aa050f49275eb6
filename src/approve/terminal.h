// Terminal: the terminal of the human, opened for us alone. Its modes are put back when this goes, and by a guard
// process when assent dies without being able to (SIGKILL, a crash).
#pragma once

#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

#include <optional>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::approve {

struct TerminalStreams {
  int in = 0;
  int out = 1;
  int err = 2;
};

class Terminal {
 public:
  // The first of the streams that is a terminal, else the controlling one. ENOTTY, ENXIO: there is none.
  static Result<Terminal> open(TerminalStreams streams);

  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  [[nodiscard]] int fd() const { return fd_.get(); }  // non-blocking, an open file description of our own
  [[nodiscard]] bool foreground() const;              // may we read it and change its modes?
  [[nodiscard]] bool raw() const { return raw_; }
  [[nodiscard]] std::optional<termios> modes() const;
  [[nodiscard]] winsize size() const;  // 24 × 80 where it has none

  Status make_raw();  // from the modes it has now, which restore() brings back
  void restore();
  void flush_input();  // drops what was typed and not read

  // For the guard: the alternate screen is ours.
  enum class Screen { Main, Alternate };
  void note(Screen screen);

 private:
  Terminal(UniqueFd fd, UniqueFd guard, pid_t guard_pid)
      : fd_(std::move(fd)), guard_(std::move(guard)), guard_pid_(guard_pid) {}
  void tell_guard(char what);

  UniqueFd fd_;
  UniqueFd guard_;  // writing end of the guard's pipe
  pid_t guard_pid_ = -1;
  termios before_{};
  bool raw_ = false;
};

}  // namespace assent::approve
