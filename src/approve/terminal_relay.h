// TerminalRelay: the agent's pseudo-terminal, and the way between it and the terminal of the human. In: bytes of both
// sides, the signals of job control. The agent never holds the human's terminal, so nothing it does to its own (modes,
// TIOCSTI, reading, printing) reaches a question: while one is up, its output stands and no key goes to it.
// It never interprets what the agent prints, but for what a question drawn over it must put back (screen_state.h).
//
// The relay owns these signals of the process while it lives: WINCH, CONT, TSTP, TTIN, TTOU, HUP, INT, QUIT. They are
// blocked in the thread that creates it; create it before any other thread starts. Children need agent_mask().
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "approve/pty.h"
#include "approve/screen_state.h"
#include "approve/terminal.h"
#include "assent/result.h"
#include "base/event_loop.h"

namespace assent::approve {

class TerminalRelay {
 public:
  // Whoever draws on the terminal in place of the agent.
  struct Takeover {
    std::function<void()> ready;                  // the screen is empty and yours; again after every stop
    std::function<void(std::string_view)> input;  // every byte from the terminal while it is yours
    std::function<void()> resized;
    std::function<void()> gone;  // the terminal went away; nothing can be shown or read any more
  };

  // ENOTTY or ENXIO: there is no terminal at all. Nothing is changed on the terminal before start().
  static Result<std::unique_ptr<TerminalRelay>> create(EventLoop& loop, TerminalStreams streams = {});
  ~TerminalRelay();
  TerminalRelay(const TerminalRelay&) = delete;
  TerminalRelay& operator=(const TerminalRelay&) = delete;

  // What the agent gets as 0, 1, 2: the pseudo-terminal where there was a terminal, else the stream itself.
  [[nodiscard]] std::array<int, 3> agent_stdio() const;
  // To become the agent's controlling terminal (setsid, TIOCSCTTY), whatever its streams are.
  [[nodiscard]] int slave() const { return pty_.slave.get(); }
  [[nodiscard]] const sigset_t& agent_mask() const { return old_mask_; }

  Status start();

  // Called when the agent's stopped process group is to run again (SIGCONT to it): after fg or bg.
  void on_agent_continue(std::function<void()> callback) { continue_agent_ = std::move(callback); }
  // The terminal went away (the agent has got its hang-up).
  void on_gone(std::function<void()> callback) { on_gone_ = std::move(callback); }

  // The agent's main process has stopped (Ctrl-Z): stops assent's own process group, so that the shell takes over;
  // returns when the shell has continued it.
  void agent_stopped();
  // The same without the agent having stopped (Ctrl-Z at a question).
  void suspend();

  // The agent has ended: everything it printed reaches the terminal, then the terminal is as it was before.
  // Waits at most `limit` without progress.
  void finish(std::chrono::milliseconds limit = std::chrono::seconds(2));

  void take_over(Takeover takeover);
  void hand_back();
  void draw(std::string_view bytes);  // only between ready() and hand_back()
  void flush_input() { terminal_.flush_input(); }
  [[nodiscard]] winsize size() const { return terminal_.size(); }
  [[nodiscard]] bool gone() const { return gone_; }

 private:
  enum class Hold { No, Wanted, Yes };       // of the agent's output
  enum class Taken { No, Waiting, Active };  // of the terminal

  TerminalRelay(EventLoop& loop, Terminal terminal, Pty pty, TerminalStreams streams);
  Status catch_signals();
  void on_signal();
  void on_terminal(std::uint32_t events);
  void on_master(std::uint32_t events);
  void read_terminal();
  bool read_master();  // false: nothing more to read
  void read_what_is_there();
  void write_terminal();
  void write_master();
  void forward_keys(std::string_view keys);
  void look_at_foreground();
  void activate();
  void update_interest();
  void update_size();
  void make_agent_redraw();
  void lose_terminal();

  EventLoop& loop_;
  Terminal terminal_;
  Pty pty_;
  TerminalStreams streams_;
  ScreenState screen_;
  UniqueFd signals_;
  sigset_t old_mask_{};
  bool hangup_ignored_ = false;
  bool interrupt_ignored_ = false;

  bool started_ = false;
  bool gone_ = false;
  bool foreground_ = false;
  bool shared_ = false;  // another program of our pipeline (a pager) may use the terminal: see look_at_foreground()
  bool noticed_ = false;
  std::optional<termios> first_modes_;
  std::string to_terminal_;
  std::string to_agent_;
  Hold hold_ = Hold::No;
  Taken taken_ = Taken::No;
  Takeover takeover_;
  EventLoop::TimerId foreground_timer_;
  EventLoop::TimerId hold_timer_;
  EventLoop::TimerId redraw_timer_;
  EventLoop::TimerId stop_timer_;
  std::uint32_t terminal_interest_ = 0;
  std::uint32_t master_interest_ = 0;
  std::function<void()> continue_agent_;
  std::function<void()> on_gone_;
};

}  // namespace assent::approve
