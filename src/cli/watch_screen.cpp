#include "cli/watch_screen.h"

// Functions, not macros: some have the names of ours.
#define NCURSES_NOMACROS
#include <curses.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace assent::cli {

namespace {

using Look = WatchLine::Look;

constexpr short kRed = 1, kGreen = 2;

void put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

struct WatchScreen::Curses {
  SCREEN* screen = nullptr;
  termios before{};
  bool colour = false;
  bool only_ascii = false;

  [[nodiscard]] attr_t attributes(Look look) const {
    switch (look) {
      case Look::Plain:
        return A_NORMAL;
      case Look::Bold:
        return A_BOLD;
      case Look::Dim:
        return A_DIM;
      case Look::Reverse:
      case Look::Selected:
        return A_REVERSE;
      case Look::Warning:
        return A_BOLD | (colour ? static_cast<attr_t>(COLOR_PAIR(kRed)) : A_NORMAL);
      case Look::Good:
        return colour ? static_cast<attr_t>(COLOR_PAIR(kGreen)) : A_NORMAL;
    }
    return A_NORMAL;
  }
};

Result<std::unique_ptr<WatchScreen>> WatchScreen::open() {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return fail(ENOTTY, "it needs a terminal (ENOTTY); 'assent pending' lists the questions anywhere");
  std::setlocale(LC_ALL, "");
  // Where nobody has chosen a locale, the terminal speaks UTF-8 all the same. Where somebody has chosen another set,
  // it does not.
  const std::string_view set = ::nl_langinfo(CODESET);
  const bool other_set = set != "UTF-8" && set != "ANSI_X3.4-1968";
  if (set != "UTF-8" && !other_set) std::setlocale(LC_CTYPE, "C.UTF-8");
  auto curses = std::make_unique<Curses>();
  curses->only_ascii = other_set;
  ::tcgetattr(STDIN_FILENO, &curses->before);
  ::use_tioctl(TRUE);  // LINES and COLUMNS of the environment say what was, not what is
  curses->screen = ::newterm(nullptr, stdout, stdin);
  if (curses->screen == nullptr)
    return fail(ENOTSUP, "this terminal is of no known kind (ENOTSUP); set TERM, or use 'assent pending'");
  ::set_term(curses->screen);
  const char* none = std::getenv("NO_COLOR");
  if ((none == nullptr || none[0] == '\0') && ::has_colors()) {
    ::start_color();
    ::use_default_colors();
    ::init_pair(kRed, COLOR_RED, -1);
    ::init_pair(kGreen, COLOR_GREEN, -1);
    curses->colour = true;
  }
  ::raw();
  ::noecho();
  ::nonl();
  ::scrollok(stdscr, FALSE);
  ::leaveok(stdscr, FALSE);
  std::unique_ptr<WatchScreen> out(new WatchScreen(std::move(curses)));
  out->enter();
  return out;
}

WatchScreen::WatchScreen(std::unique_ptr<Curses> curses) : curses_(std::move(curses)) {}

WatchScreen::~WatchScreen() {
  leave();
  ::delscreen(curses_->screen);
}

// Pastes come marked, so that they can be told from keys.
void WatchScreen::enter() { put("\x1b[?2004h"); }

void WatchScreen::leave() {
  put("\x1b[?2004l");
  ::endwin();
  // Not what curses believes to have been before.
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &curses_->before);
}

void WatchScreen::draw(const WatchPicture& picture) {
  ::erase();
  const auto rows = static_cast<int>(std::min(picture.lines.size(), this->rows()));
  for (int row = 0; row < rows; ++row) {
    const auto& line = picture.lines[static_cast<std::size_t>(row)];
    ::attrset(static_cast<int>(curses_->attributes(line.look)));
    ::mvaddstr(row, 0, (curses_->only_ascii ? in_ascii(line.text) : line.text).c_str());
  }
  ::attrset(A_NORMAL);
  if (picture.cursor && rows > 0) {
    ::move(rows - 1, static_cast<int>(*picture.cursor));
    ::curs_set(1);
  } else {
    ::move(0, 0);
    ::curs_set(0);
  }
  // Only what differs from the last picture is sent.
  ::wnoutrefresh(stdscr);
  ::doupdate();
}

void WatchScreen::anew() { ::clearok(stdscr, TRUE); }

void WatchScreen::resized() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
  ::resizeterm(size.ws_row, size.ws_col);
}

void WatchScreen::suspend() {
  leave();
  // Blocked signals stay blocked over the stop; this one must not be, and curses has a handler for it.
  struct sigaction usual {
  }, curses{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &usual, &curses);
  ::kill(0, SIGTSTP);
  ::sigaction(SIGTSTP, &curses, nullptr);
  ::reset_prog_mode();
  enter();
  resized();
  anew();
}

void WatchScreen::forget_input() { ::tcflush(STDIN_FILENO, TCIFLUSH); }
void WatchScreen::ask_whether_drawn() { put("\x1b[5n"); }
void WatchScreen::bell() { put("\a"); }
std::size_t WatchScreen::columns() const { return static_cast<std::size_t>(std::max(COLS, 1)); }
std::size_t WatchScreen::rows() const { return static_cast<std::size_t>(std::max(LINES, 1)); }

}  // namespace assent::cli
