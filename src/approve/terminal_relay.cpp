// TerminalRelay: bytes both ways, and questions drawn over them.
#include "approve/terminal_relay.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "approve/terminal_write.h"
#include "base/sys.h"

namespace assent::approve {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBuffer = 64 * 1024;  // each way; more stays with whoever writes
constexpr auto kPagerSettles = 500ms;       // a pager of our pipeline has set its modes by then
constexpr auto kLongestSequence = 50ms;     // that the agent may leave an escape sequence open before it is cut off

bool is_terminal(int fd) { return fd >= 0 && ::isatty(fd) == 1; }

bool is_pipe(int fd) {
  struct stat stat {};
  return fd >= 0 && ::fstat(fd, &stat) == 0 && (S_ISFIFO(stat.st_mode) || S_ISSOCK(stat.st_mode));
}

// Appends what can be read at once. 0: nothing now; -1: the other side is gone.
int read_into(int fd, std::string& buffer) {
  char bytes[16 * 1024];
  const ssize_t n = ::read(fd, bytes, sizeof bytes);
  if (n > 0) {
    buffer.append(bytes, static_cast<std::size_t>(n));
    return static_cast<int>(n);
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  return -1;
}

}  // namespace

TerminalRelay::TerminalRelay(EventLoop& loop, Terminal terminal, Pty pty, TerminalStreams streams)
    : loop_(loop), terminal_(std::move(terminal)), pty_(std::move(pty)), streams_(streams) {}

Result<std::unique_ptr<TerminalRelay>> TerminalRelay::create(EventLoop& loop, TerminalStreams streams) {
  auto terminal = Terminal::open(streams);
  if (!terminal) return pass(std::move(terminal));
  auto pty = Pty::open();
  if (!pty) return pass(std::move(pty));
  std::unique_ptr<TerminalRelay> relay(new TerminalRelay(loop, std::move(*terminal), std::move(*pty), streams));
  relay->first_modes_ = relay->terminal_.modes();
  // In the background the modes are those of the shell's line editor, not the user's.
  if (relay->first_modes_ && relay->terminal_.foreground() && (relay->first_modes_->c_lflag & ICANON) != 0) {
    ::tcsetattr(relay->pty_.slave.get(), TCSANOW, &*relay->first_modes_);
  }
  relay->shared_ = is_pipe(streams.out);
  relay->update_size();
  if (auto status = relay->catch_signals(); !status) return pass(std::move(status));
  return relay;
}

TerminalRelay::~TerminalRelay() {
  if (started_) {
    loop_.remove(terminal_.fd());
    if (pty_.master) loop_.remove(pty_.master.get());
    loop_.cancel(foreground_timer_);
    loop_.cancel(hold_timer_);
    loop_.cancel(redraw_timer_);
    loop_.cancel(stop_timer_);
    if (taken_ == Taken::Active) to_terminal_ += screen_.leave();
    if (!gone_) {
      to_terminal_ += screen_.tidy();
      write_from(terminal_.fd(), to_terminal_);
      if (taken_ == Taken::Active) terminal_.note(Terminal::Screen::Main);
    }
  }
  terminal_.restore();
  if (signals_) {
    loop_.remove(signals_.get());
    // What came meanwhile was meant for the relay; it must not hit with its default action now. (A hang-up stays.)
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    }
    ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  }
}

std::array<int, 3> TerminalRelay::agent_stdio() const {
  std::array<int, 3> out{streams_.in, streams_.out, streams_.err};
  for (int& fd : out) {
    if (is_terminal(fd)) fd = slave();
  }
  return out;
}

Status TerminalRelay::start() {
  if (auto status = loop_.add(terminal_.fd(), 0, [this](std::uint32_t events) { on_terminal(events); }); !status) {
    return status;
  }
  if (auto status = loop_.add(pty_.master.get(), 0, [this](std::uint32_t events) { on_master(events); }); !status) {
    loop_.remove(terminal_.fd());
    return status;
  }
  started_ = true;
  if (shared_) {
    foreground_timer_ = loop_.after(kPagerSettles, [this] { look_at_foreground(); });
    update_interest();
  } else {
    look_at_foreground();
  }
  return {};
}

void TerminalRelay::update_interest() {
  if (!started_ || gone_) return;
  const std::uint32_t in = EPOLLIN;
  const std::uint32_t out = EPOLLOUT;
  const std::uint32_t terminal = (foreground_ && (taken_ == Taken::Active || to_agent_.size() < kBuffer) ? in : 0) |
                                 (to_terminal_.empty() ? 0 : out);
  if (terminal != terminal_interest_ && loop_.modify(terminal_.fd(), terminal)) terminal_interest_ = terminal;
  if (!pty_.master) return;
  const std::uint32_t master =
      (hold_ != Hold::Yes && to_terminal_.size() < kBuffer ? in : 0) | (to_agent_.empty() ? 0 : out);
  if (master != master_interest_ && loop_.modify(pty_.master.get(), master)) master_interest_ = master;
}

void TerminalRelay::on_terminal(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) write_terminal();
  if ((events & EPOLLIN) != 0 && !gone_) read_terminal();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0) lose_terminal();
  update_interest();
}

void TerminalRelay::read_terminal() {
  if (!terminal_.foreground()) return look_at_foreground();
  std::string keys;
  const int n = read_into(terminal_.fd(), keys);
  if (n < 0) return lose_terminal();
  if (n == 0) return;
  if (taken_ == Taken::Active) return takeover_.input(keys);
  if (taken_ == Taken::Waiting) return;  // a question is about to appear: belongs to nobody
  forward_keys(keys);
}

// An agent that does not read must still be interrupted: its line discipline would, but its queue may be full.
void TerminalRelay::forward_keys(std::string_view keys) {
  to_agent_ += keys;
  write_master();
  if (to_agent_.empty() || !pty_.master) return;
  termios modes{};
  if (::tcgetattr(pty_.master.get(), &modes) != 0 || (modes.c_lflag & ISIG) == 0) return;
  const std::array<std::pair<cc_t, int>, 3> keys_of_signals{
      {{modes.c_cc[VINTR], SIGINT}, {modes.c_cc[VQUIT], SIGQUIT}, {modes.c_cc[VSUSP], SIGTSTP}}};
  for (const auto& [key, signal] : keys_of_signals) {
    const std::size_t at = key == _POSIX_VDISABLE ? std::string::npos : to_agent_.rfind(static_cast<char>(key));
    if (at == std::string::npos) continue;
    to_agent_.erase(0, at + 1);  // what stands before an interrupt is dropped with it
    ::ioctl(pty_.master.get(), TIOCSIG, signal);
  }
}

void TerminalRelay::on_master(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) write_master();
  if ((events & EPOLLIN) != 0) {
    read_master();
    write_terminal();
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    loop_.remove(pty_.master.get());  // cannot be while we hold the slave, besides in finish()
  }
  if (taken_ == Taken::Waiting) activate();
  update_interest();
}

bool TerminalRelay::read_master() {
  const std::size_t before = to_terminal_.size();
  const int n = read_into(pty_.master.get(), to_terminal_);
  if (n > 0) screen_.feed(std::string_view(to_terminal_).substr(before));
  if (gone_) to_terminal_.clear();
  return n >= 0;
}

void TerminalRelay::write_terminal() {
  if (gone_) {
    to_terminal_.clear();
    return;
  }
  if (!write_from(terminal_.fd(), to_terminal_)) return lose_terminal();
  if (taken_ == Taken::Waiting && to_terminal_.empty()) activate();
}

void TerminalRelay::write_master() {
  if (!pty_.master || !write_from(pty_.master.get(), to_agent_)) to_agent_.clear();
}

// What the agent printed before it stopped or asked stands before that on the terminal too.
void TerminalRelay::read_what_is_there() {
  while (pty_.master && to_terminal_.size() < kBuffer) {
    const std::size_t before = to_terminal_.size();
    if (!read_master() || to_terminal_.size() == before) return;
  }
}

void TerminalRelay::take_over(Takeover takeover) {
  read_what_is_there();
  write_terminal();
  takeover_ = std::move(takeover);
  taken_ = Taken::Waiting;
  hold_ = Hold::Wanted;
  loop_.cancel(hold_timer_);
  hold_timer_ = loop_.after(kLongestSequence, [this] {
    if (hold_ != Hold::Wanted) return;
    hold_ = Hold::Yes;
    activate();
    update_interest();
  });
  if (shared_ || !foreground_) look_at_foreground();
  if (taken_ == Taken::Waiting) activate();
  update_interest();
}

// Once everything that was read from the agent is on the terminal, and not in the middle of a sequence.
void TerminalRelay::activate() {
  if (taken_ != Taken::Waiting || gone_) return;
  if (hold_ == Hold::Wanted && screen_.at_rest()) hold_ = Hold::Yes;
  if (hold_ != Hold::Yes || !to_terminal_.empty() || !foreground_) return;
  taken_ = Taken::Active;
  terminal_.flush_input();
  terminal_.note(Terminal::Screen::Alternate);
  to_terminal_ = screen_.enter();
  const auto ready = takeover_.ready;
  ready();
  write_terminal();
}

void TerminalRelay::hand_back() {
  if (taken_ == Taken::No) return;
  const bool drawn = taken_ == Taken::Active;
  taken_ = Taken::No;
  takeover_ = {};
  hold_ = Hold::No;
  loop_.cancel(hold_timer_);
  if (gone_) return;
  if (drawn) {
    terminal_.flush_input();  // typed during the question: not for the agent
    to_terminal_ += screen_.leave();
    write_terminal();
    terminal_.note(Terminal::Screen::Main);
    if (screen_.alternate()) make_agent_redraw();
  }
  update_interest();
}

void TerminalRelay::draw(std::string_view bytes) {
  if (taken_ != Taken::Active || to_terminal_.size() > kBuffer) return;
  to_terminal_ += bytes;
  write_terminal();
  update_interest();
}

void TerminalRelay::lose_terminal() {
  if (gone_) return;
  gone_ = true;
  to_terminal_.clear();
  to_agent_.clear();
  if (started_) loop_.remove(terminal_.fd());
  loop_.cancel(foreground_timer_);
  loop_.cancel(hold_timer_);
  loop_.cancel(stop_timer_);
  loop_.cancel(redraw_timer_);
  // Closing both ends hangs the agent's session up, as the loss of its own terminal would have.
  if (started_ && pty_.master) loop_.remove(pty_.master.get());
  pty_.master.reset();
  pty_.slave.reset();
  const auto told = taken_ == Taken::No ? std::function<void()>() : takeover_.gone;
  taken_ = Taken::No;
  takeover_ = {};
  if (told) told();
  if (on_gone_) on_gone_();
}

void TerminalRelay::finish(std::chrono::milliseconds limit) {
  hand_back();
  pty_.slave.reset();  // the last user of it but the agent: from now on the end of its output can be seen
  bool more = pty_.master.valid();
  while (!gone_ && (more || !to_terminal_.empty())) {
    std::array<pollfd, 2> wait{{{more && to_terminal_.size() < kBuffer ? pty_.master.get() : -1, POLLIN, 0},
                                {to_terminal_.empty() ? -1 : terminal_.fd(), POLLOUT, 0}}};
    const int n = ::poll(wait.data(), wait.size(), static_cast<int>(limit.count()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (wait[0].revents != 0) more = read_master();
    if (wait[1].revents != 0 && !write_from(terminal_.fd(), to_terminal_)) break;
  }
  if (started_ && pty_.master) loop_.remove(pty_.master.get());
  pty_.master.reset();
  if (!gone_) {
    to_terminal_ = screen_.tidy();
    write_from(terminal_.fd(), to_terminal_);
  }
  to_terminal_.clear();
  to_agent_.clear();
  if (started_ && !gone_) loop_.remove(terminal_.fd());
  loop_.cancel(foreground_timer_);
  loop_.cancel(redraw_timer_);
  loop_.cancel(stop_timer_);
  started_ = false;
  terminal_.restore();
}

}  // namespace assent::approve
