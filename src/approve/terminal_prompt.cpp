#include "approve/terminal_prompt.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

namespace assent::approve {

namespace {

using namespace std::chrono_literals;

constexpr auto kIdle = 120ms;  // a little more than an Escape key needs to be told from a sequence
constexpr std::size_t kLongestInput = 1000;

constexpr std::string_view kEnter = "\r";
constexpr std::string_view kEscape = "\x1b";
constexpr std::string_view kInterrupt = "\x03";
constexpr std::string_view kSuspend = "\x1a";
constexpr std::string_view kRedraw = "\x0c";
constexpr std::string_view kClearLine = "\x15";

std::uint32_t random_number() {
  std::uint32_t number = 0;
  return ::getrandom(&number, sizeof number, 0) == sizeof number ? number : 0;
}

std::string_view attributes(Line::Look look, Colour colour) {
  switch (look) {
    case Line::Look::Plain:
      return "\x1b[0m";
    case Line::Look::Bold:
      return "\x1b[0;1m";
    case Line::Look::Reverse:
      return "\x1b[0;7m";
    case Line::Look::Warning:
      return colour == Colour::Yes ? "\x1b[0;1;31m" : "\x1b[0;1m";
  }
  return "\x1b[0m";
}

void remove_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

}  // namespace

TerminalPrompt::TerminalPrompt(EventLoop& loop, TerminalRelay& relay, PromptOptions options)
    : loop_(loop), relay_(relay), options_(std::move(options)) {}

TerminalPrompt::~TerminalPrompt() {
  stop_timers();
  loop_.cancel(deadline_timer_);
  if (asked_for_screen_) relay_.hand_back();
}

void TerminalPrompt::stop_timers() {
  for (EventLoop::TimerId* timer : {&arming_timer_, &candidate_timer_, &idle_timer_, &tick_timer_}) {
    loop_.cancel(*timer);
    *timer = {};
  }
  candidate_.clear();
}

std::uint64_t TerminalPrompt::front() const { return queue_.empty() ? 0 : queue_.front()->shown.id; }

void TerminalPrompt::ask(Question question, AnswerCallback answered) {
  callbacks_[question.id] = std::move(answered);
  queue_.add(std::move(question), Clock::now());
  if (relay_.gone()) return on_gone();
  arm_deadline();
  if (on_screen_) return draw();
  if (asked_for_screen_) return;
  asked_for_screen_ = true;
  TerminalRelay::Takeover takeover;
  takeover.ready = [this] {
    on_screen_ = true;
    begin();
  };
  takeover.input = [this](std::string_view bytes) { on_input(bytes); };
  takeover.resized = [this] { draw(); };
  takeover.gone = [this] { on_gone(); };
  relay_.take_over(std::move(takeover));
}

void TerminalPrompt::cancel(std::uint64_t question) {
  const std::uint64_t before = front();
  const auto* entry = queue_.find(question);
  if (entry == nullptr) return;
  const bool was_shown = entry == queue_.front();
  callbacks_.erase(question);
  const bool whole = queue_.cancel(question);
  arm_deadline();
  // The same question, asked by another call of the command as well, stays as it is on the screen.
  if (was_shown && !whole && shown_ == before) shown_ = front();
  show_next(shown_);
}

// A question comes up: nothing typed until now was meant for it.
void TerminalPrompt::begin() {
  stop_timers();
  relay_.flush_input();
  shown_ = front();
  mode_ = Mode::Keys;
  scope_ = Scope::Once;
  input_.clear();
  message_.clear();
  page_ = 0;
  keys_ = {};
  arming_ = Arming::Terminal;
  if (options_.bell) relay_.draw("\a");
  draw();
  const winsize size = relay_.size();
  const unsigned row = 1 + random_number() % size.ws_row;
  const unsigned column = 1 + random_number() % size.ws_col;
  awaited_ = fmt::format("\x1b[{};{}R", row, column);
  relay_.draw(fmt::format("\x1b[{};{}H\x1b[6n", row, column));
  arming_timer_ = loop_.after(options_.longest_wait_for_terminal, [this] { terminal_has_drawn(); });
  tick_timer_ = loop_.after(1s, [this] { tick(); });
}

void TerminalPrompt::terminal_has_drawn() {
  if (arming_ != Arming::Terminal) return;
  arming_ = Arming::Guard;
  restart_guard();
}

void TerminalPrompt::restart_guard() {
  loop_.cancel(arming_timer_);
  arming_timer_ = loop_.after(options_.guard, [this] {
    arming_ = Arming::Armed;
    last_input_ = Clock::now() - options_.quiet;
    draw();
  });
}

void TerminalPrompt::on_input(std::string_view bytes) {
  const auto now = Clock::now();
  const auto events = keys_.feed(bytes, now);
  const bool drawn =
      arming_ == Arming::Terminal && std::any_of(events.begin(), events.end(), [this](const KeyReader::Event& event) {
        return event.kind == KeyReader::Event::Kind::Sequence && event.text == awaited_;
      });
  if (drawn) {
    terminal_has_drawn();
  } else if (arming_ == Arming::Guard) {
    restart_guard();
  }
  loop_.cancel(idle_timer_);
  idle_timer_ = {};
  if (!keys_.at_rest()) {
    idle_timer_ = loop_.after(kIdle, [this] {
      for (const auto& event : keys_.idle(Clock::now())) {
        if (arming_ == Arming::Armed) on_event(event, true);
      }
    });
  }
  if (arming_ != Arming::Armed) return;
  const bool alone = now - last_input_ >= options_.quiet && events.size() == 1;
  last_input_ = now;
  loop_.cancel(candidate_timer_);
  candidate_.clear();
  // Where words are typed, a whole line may come at once, from a fast hand or a driving program: its Enter counts if it
  // is the only one and nothing follows it. The words must be the right ones all the same.
  const bool line =
      events.size() > 1 && std::all_of(events.begin(), events.end(), [&](const KeyReader::Event& event) {
        return event.kind == KeyReader::Event::Kind::Key && (event.text == kEnter) == (&event == &events.back());
      });
  for (const auto& event : events) on_event(event, alone || (line && &event == &events.back()));
  draw();
}

void TerminalPrompt::on_event(const KeyReader::Event& event, bool alone) {
  if (event.kind != KeyReader::Event::Kind::Key) return;
  switch (mode_) {
    case Mode::Keys:
    case Mode::Details:
      if (alone) hold_candidate(event.text);
      return;
    case Mode::Reason:
    case Mode::Confirm:
      return on_text(event.text, alone);
  }
}

void TerminalPrompt::on_text(const std::string& key, bool alone) {
  const auto first = static_cast<unsigned char>(key.front());
  if (first >= 0x20 && first != 0x7F) {
    if (input_.size() + key.size() <= kLongestInput) input_ += key;
  } else if (first == 0x7F || first == 0x08) {
    remove_last_character(input_);
  } else if (key == kClearLine) {
    input_.clear();
  } else if (alone) {
    hold_candidate(key);
  }
}

// A key counts when nothing has followed it for a moment: what machines send comes in bursts.
void TerminalPrompt::hold_candidate(std::string key) {
  candidate_ = std::move(key);
  candidate_timer_ = loop_.after(options_.quiet, [this] {
    const std::string held = std::exchange(candidate_, {});
    if (!held.empty() && arming_ == Arming::Armed) act(held);
  });
}

void TerminalPrompt::act(const std::string& key) {
  message_.clear();
  if (key == kSuspend) return relay_.suspend();
  if (key == kInterrupt) return answer(Consent::No, Scope::Command, {});
  if (key == kRedraw) return draw();
  if (mode_ == Mode::Keys) return act_on_key(key);
  if (key == kEscape) {
    mode_ = Mode::Keys;
    input_.clear();
  } else if (mode_ == Mode::Details) {
    ++page_;
    if (key != "v" || page_ >= pages_of(queue_.front()->shown, view())) mode_ = Mode::Keys;
  } else if (key == kEnter) {
    return finish_line();
  }
  draw();
}

void TerminalPrompt::act_on_key(const std::string& key) {
  if (key == "o") return allow(Scope::Once);
  if (key == "c") return allow(Scope::Command);
  if (key == "s") return allow(Scope::Session);
  if (key == "n") return answer(Consent::No, Scope::Command, {});
  if (key == "t") return answer(Consent::Stop, Scope::Session, {});
  if (key == "r") {
    mode_ = Mode::Reason;
  } else if (key == "v") {
    mode_ = Mode::Details;
    page_ = 0;
  } else {
    message_ = "press one of the keys in brackets";
  }
  draw();
}

void TerminalPrompt::allow(Scope scope) {
  if (queue_.front()->shown.confirm.empty()) return answer(Consent::Yes, scope, {});
  mode_ = Mode::Confirm;
  scope_ = scope;
  input_.clear();
  draw();
}

void TerminalPrompt::finish_line() {
  if (mode_ == Mode::Reason) return answer(Consent::No, Scope::Command, input_);
  if (input_ == queue_.front()->shown.confirm) return answer(Consent::Yes, scope_, {});
  message_ = "that is not it; nothing was allowed";
  input_.clear();
  draw();
}

void TerminalPrompt::answer(Consent consent, Scope scope, std::string reason) {
  Answer answer;
  answer.question = front();
  answer.consent = consent;
  answer.scope = scope;
  answer.reason = std::move(reason);
  answer.who = "terminal";
  answer.uid = ::getuid();
  const auto now = Clock::now();
  auto answers = queue_.answer(answer, now);
  if (consent == Consent::Stop) {
    answer.consent = Consent::No;
    answer.reason = "the agent is being stopped";
    auto others = queue_.deny_all(answer, now);
    answers.insert(answers.end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
  }
  deliver(std::move(answers));
}

// The screen first, then the callbacks: they may ask again.
void TerminalPrompt::deliver(std::vector<Answer> answers) {
  std::vector<std::pair<AnswerCallback, Answer>> calls;
  for (Answer& answer : answers) {
    const auto found = callbacks_.find(answer.question);
    if (found == callbacks_.end()) continue;
    calls.emplace_back(std::move(found->second), std::move(answer));
    callbacks_.erase(found);
  }
  arm_deadline();
  show_next(shown_);
  for (auto& [callback, answer] : calls) callback(answer);
}

void TerminalPrompt::show_next(std::uint64_t shown_before) {
  if (queue_.empty()) {
    stop_timers();
    on_screen_ = false;
    shown_ = 0;
    if (std::exchange(asked_for_screen_, false)) relay_.hand_back();
  } else if (on_screen_) {
    if (front() != shown_before) begin();
    draw();
  }
}

void TerminalPrompt::arm_deadline() {
  loop_.cancel(deadline_timer_);
  deadline_timer_ = {};
  const auto next = queue_.next_deadline();
  if (!next) return;
  deadline_timer_ = loop_.after(std::max<Clock::duration>(*next - Clock::now(), {}), [this] {
    const std::uint64_t before = front();
    const std::size_t size = queue_.size();
    auto answers = queue_.expire(Clock::now());
    // One of several calls that ask the same: the others still wait, and the question on the screen is theirs.
    if (shown_ == before && queue_.size() == size) shown_ = front();
    deliver(std::move(answers));
  });
}

void TerminalPrompt::on_gone() {
  Answer no;
  no.reason = "the terminal went away";
  no.who = "terminal";
  no.scope = Scope::Command;
  deliver(queue_.deny_all(no, Clock::now()));
}

void TerminalPrompt::tick() {
  draw();
  tick_timer_ = loop_.after(1s, [this] { tick(); });
}

QuestionView TerminalPrompt::view() const {
  QuestionView view;
  const winsize size = relay_.size();
  view.columns = size.ws_col;
  view.rows = size.ws_row;
  view.colour = options_.colour;
  view.mark = options_.mark;
  view.waiting = queue_.size() - 1;
  const Queue::Entry& entry = *queue_.front();
  view.merged = entry.askers.size();
  Clock::time_point latest{};
  for (const auto& asker : entry.askers) latest = std::max(latest, asker.deadline);
  view.left = std::chrono::ceil<std::chrono::seconds>(latest - Clock::now());
  view.mode = mode_;
  view.scope = scope_;
  view.input = input_;
  view.message = arming_ == Arming::Armed ? message_ : "a moment …";
  view.page = page_;
  return view;
}

void TerminalPrompt::draw() {
  if (!on_screen_ || queue_.empty()) return;
  const QuestionView now = view();
  const std::vector<Line> lines = lay_out(queue_.front()->shown, now);
  // No wrapping: where the terminal counts a character wider than we do, a line is cut, not the page shifted.
  std::string frame = "\x1b[?25l\x1b[?7l";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    frame += fmt::format("\x1b[{};1H\x1b[0m\x1b[2K{}{}", i + 1, attributes(lines[i].look, now.colour), lines[i].text);
  }
  frame += "\x1b[0m\x1b[?7h";
  if (lines.size() < now.rows) {  // what an earlier, longer page left
    frame += fmt::format(
        "\x1b"
        "7\x1b[{};1H\x1b[J\x1b"
        "8",
        lines.size() + 1);
  }
  if (mode_ == Mode::Reason || mode_ == Mode::Confirm) frame += "\x1b[?25h";
  relay_.draw(frame);
}

}  // namespace assent::approve
