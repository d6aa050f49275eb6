// TerminalPrompt: asks on the terminal that started assent. In: questions. Out: what the human answered there.
//
// What makes an answer a human's, given after the question could be seen:
//  - The agent has no descriptor of this terminal; its output stands while a question is up, on a screen of its own.
//  - Keys typed ahead are dropped. Keys count only when the terminal has said that it drew the question (it answers a
//    cursor report with a position picked at random; or a second has passed), and then only after `guard` without a
//    key.
//  - A key must come alone: nothing else within `quiet` before and after it, and not inside an escape sequence or a
//  paste.
//    Everything that a terminal sends by itself (replies to queries that the agent printed, mouse, pastes) is no
//    answer.
//  - Where a typed yes is asked for, only these very bytes and then one Enter, with nothing after it, will do.
// A question that the agent paints with its own output is only a picture: no key typed at it goes anywhere but to the
// agent. `mark` is a word the agent does not know; it stands in every real question.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "approve/approver.h"
#include "approve/key_reader.h"
#include "approve/question_view.h"
#include "approve/queue.h"
#include "approve/terminal_relay.h"
#include "base/event_loop.h"

namespace assent::approve {

struct PromptOptions {
  Colour colour = Colour::No;  // Yes only where NO_COLOR is not set
  std::string mark;
  bool bell = false;  // ring it when a question comes up
  std::chrono::milliseconds guard{300};
  std::chrono::milliseconds longest_wait_for_terminal{1000};
  std::chrono::milliseconds quiet{30};
};

class TerminalPrompt final : public Approver {
 public:
  // Both must outlive the prompt.
  TerminalPrompt(EventLoop& loop, TerminalRelay& relay, PromptOptions options = {});
  ~TerminalPrompt() override;
  TerminalPrompt(const TerminalPrompt&) = delete;
  TerminalPrompt& operator=(const TerminalPrompt&) = delete;

  void ask(Question question, AnswerCallback answered) override;
  void cancel(std::uint64_t question) override;

  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

 private:
  using Clock = Queue::Clock;
  using Mode = QuestionView::Mode;
  enum class Arming { Terminal, Guard, Armed };  // waiting for the terminal; for silence; keys count

  void begin();
  void terminal_has_drawn();
  void restart_guard();
  void on_input(std::string_view bytes);
  void on_event(const KeyReader::Event& event, bool alone);
  void on_text(const std::string& key, bool alone);
  void hold_candidate(std::string key);
  void act(const std::string& key);
  void act_on_key(const std::string& key);
  void finish_line();
  void allow(Scope scope);
  void answer(Consent consent, Scope scope, std::string reason);
  void deliver(std::vector<Answer> answers);
  void show_next(std::uint64_t shown_before);
  void arm_deadline();
  void on_gone();
  void tick();
  void draw();
  void stop_timers();
  [[nodiscard]] QuestionView view() const;
  [[nodiscard]] std::uint64_t front() const;

  EventLoop& loop_;
  TerminalRelay& relay_;
  PromptOptions options_;
  Queue queue_;
  std::unordered_map<std::uint64_t, AnswerCallback> callbacks_;

  bool asked_for_screen_ = false;
  bool on_screen_ = false;
  std::uint64_t shown_ = 0;  // number of the entry on the screen
  Arming arming_ = Arming::Terminal;
  std::string awaited_;  // the terminal's answer to our cursor report
  KeyReader keys_;
  std::string candidate_;
  Clock::time_point last_input_{};
  Mode mode_ = Mode::Keys;
  Scope scope_ = Scope::Once;
  std::string input_;
  std::string message_;
  std::size_t page_ = 0;
  EventLoop::TimerId arming_timer_;
  EventLoop::TimerId candidate_timer_;
  EventLoop::TimerId idle_timer_;
  EventLoop::TimerId tick_timer_;
  EventLoop::TimerId deadline_timer_;
};

}  // namespace assent::approve
