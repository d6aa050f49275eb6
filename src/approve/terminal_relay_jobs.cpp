// TerminalRelay: job control: who has the terminal, its size, signals, stop and go on.
#include <asm/ioctls.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "approve/terminal_relay.h"
#include "approve/terminal_write.h"
#include "base/sys.h"

namespace assent::approve {

namespace {

using namespace std::chrono_literals;

constexpr auto kForegroundLook = 200ms;
constexpr auto kRedraw = 40ms;
constexpr auto kStop = 300ms;

constexpr std::array<int, 8> kSignals{SIGWINCH, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGINT, SIGQUIT};

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Status TerminalRelay::catch_signals() {
  hangup_ignored_ = is_ignored(SIGHUP);
  interrupt_ignored_ = is_ignored(SIGINT);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kSignals) ::sigaddset(&set, signal);
  if (const int code = ::pthread_sigmask(SIG_BLOCK, &set, &old_mask_); code != 0) return fail(code, "pthread_sigmask");
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return sys::last_error("signalfd");
  return loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
}

// Raw modes and reading only while the shell has given us the terminal. In a pipeline (`assent run … | less`) the modes
// may be the pager's: they are not touched, and no key is taken, as long as somebody else has left line mode.
void TerminalRelay::look_at_foreground() {
  loop_.cancel(foreground_timer_);
  foreground_timer_ = {};
  if (gone_) return;
  bool may = terminal_.foreground();
  if (may && shared_ && !terminal_.raw() && taken_ == Taken::No) {
    const auto modes = terminal_.modes();
    may = modes && (modes->c_lflag & ICANON) != 0;
  }
  if (may && !terminal_.raw()) may = terminal_.make_raw().has_value();
  foreground_ = may;
  if (foreground_) {
    noticed_ = false;
    update_size();
    if (taken_ == Taken::Waiting) activate();
  } else {
    if (taken_ == Taken::Waiting && !noticed_) {
      noticed_ = true;
      to_terminal_ += "\r\nassent: a question waits; bring this job to the foreground (fg)\r\n";
    }
    foreground_timer_ = loop_.after(kForegroundLook, [this] { look_at_foreground(); });
  }
  write_terminal();
  update_interest();
}

void TerminalRelay::on_signal() {
  signalfd_siginfo info{};
  while (signals_ && ::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    switch (signal) {
      case SIGWINCH:
        update_size();
        break;
      case SIGCONT:  // after a stop that we did not see coming (SIGSTOP), the shell has set its own modes
        if (started_ && !gone_ && terminal_.raw()) {
          terminal_.restore();
          look_at_foreground();
        }
        break;
      case SIGTSTP:
        // The agent first: when it stops, agent_stopped() follows. Some do not stop; then we do alone.
        if (pty_.master) ::ioctl(pty_.master.get(), TIOCSIG, SIGTSTP);
        loop_.cancel(stop_timer_);
        stop_timer_ = loop_.after(kStop, [this] { suspend(); });
        break;
      case SIGHUP:
        if (!hangup_ignored_) lose_terminal();
        break;
      case SIGINT:
      case SIGQUIT:
        // From outside (kill, or the terminal while it is in line mode): as if typed at the agent's terminal.
        if (!interrupt_ignored_ && pty_.master && taken_ != Taken::Active) ::ioctl(pty_.master.get(), TIOCSIG, signal);
        break;
      case SIGTTIN:
      case SIGTTOU:
        break;
    }
  }
}

void TerminalRelay::update_size() {
  if (gone_ || !pty_.master) return;
  const winsize size = terminal_.size();
  winsize now{};
  ::ioctl(pty_.master.get(), TIOCGWINSZ, &now);
  if (now.ws_row != size.ws_row || now.ws_col != size.ws_col) {
    loop_.cancel(redraw_timer_);
    ::ioctl(pty_.master.get(), TIOCSWINSZ, &size);
    if (taken_ == Taken::Active) takeover_.resized();
  }
}

// Full-screen programs draw again when the size changes, and most of them only when it really does.
void TerminalRelay::make_agent_redraw() {
  winsize size = terminal_.size();
  if (size.ws_row < 2) return;
  --size.ws_row;
  ::ioctl(pty_.master.get(), TIOCSWINSZ, &size);
  loop_.cancel(redraw_timer_);
  redraw_timer_ = loop_.after(kRedraw, [this] { update_size(); });
}

void TerminalRelay::agent_stopped() { suspend(); }

void TerminalRelay::suspend() {
  if (gone_) return;
  loop_.cancel(stop_timer_);
  if (hold_ == Hold::No) read_what_is_there();
  if (taken_ == Taken::Active) {
    to_terminal_ += screen_.leave();
    terminal_.note(Terminal::Screen::Main);
    taken_ = Taken::Waiting;
  }
  to_terminal_ += screen_.tidy();
  write_from(terminal_.fd(), to_terminal_);
  terminal_.restore();
  foreground_ = false;

  // The whole group, as the terminal would have done it: the job is then one stopped job to the shell. In a group that
  // no shell watches (orphaned) the kernel drops the signal, and we go on at once.
  struct sigaction standard {};
  struct sigaction before {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &standard, &before);
  sigset_t stop;
  sigset_t mask;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTSTP);
  ::kill(0, SIGTSTP);
  ::pthread_sigmask(SIG_UNBLOCK, &stop, &mask);  // stops here, and goes on here
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::sigaction(SIGTSTP, &before, nullptr);

  look_at_foreground();
  if (continue_agent_) continue_agent_();
  if (taken_ == Taken::No && screen_.alternate()) make_agent_redraw();
}

}  // namespace assent::approve
