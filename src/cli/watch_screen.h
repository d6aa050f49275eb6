// WatchScreen: the terminal as `assent watch` has it: another screen, no echo, keys as they come. Leaves it as it was,
// however the view ends. The only file that knows ncurses, and it only draws: keys are read as bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "assent/result.h"
#include "cli/watch_view.h"

namespace assent::cli {

class WatchScreen {
 public:
  // ENOTTY: standard input or output is no terminal; ENOTSUP: one that cannot be drawn on.
  static Result<std::unique_ptr<WatchScreen>> open();
  ~WatchScreen();
  WatchScreen(const WatchScreen&) = delete;
  WatchScreen& operator=(const WatchScreen&) = delete;

  void draw(const WatchPicture& picture);
  void anew();     // everything, for a terminal that somebody wrote on
  void resized();  // takes the size that the terminal has now
  void suspend();  // gives the terminal back, stops, and takes it again
  void forget_input();
  void ask_whether_drawn();  // it answers ESC [ 0 n
  void bell();
  [[nodiscard]] std::size_t columns() const;
  [[nodiscard]] std::size_t rows() const;

 private:
  struct Curses;
  explicit WatchScreen(std::unique_ptr<Curses> curses);
  void enter();
  void leave();
  std::unique_ptr<Curses> curses_;
};

}  // namespace assent::cli
