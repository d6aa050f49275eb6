// WatchModel: what keys do, and when they count. A key answers the question it was pressed for, once the terminal has
// drawn it and nothing has been typed for a moment.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/show.h"
#include "cli/watch_model.h"

namespace assent::cli {

namespace {

using approve::KeyReader;
using Kind = KeyReader::Event::Kind;

constexpr std::string_view kTerminalIsWell = "\x1b[0n";
constexpr std::size_t kLongestLine = 1000;

bool is_text(const std::string& key) {
  const auto first = static_cast<unsigned char>(key.front());
  return first >= 0x20 && first != 0x7F;
}

}  // namespace

// ---- the screen

std::string WatchModel::on_screen() const {
  const Asked* one = mode_ == Mode::Help || shows_ == Shows::Nothing ? nullptr : question();
  return one != nullptr && one->gone.empty() ? one->waiting.id : std::string();
}

bool WatchModel::drawn(Shows shows, Clock::time_point now) {
  shows_ = shows;
  const std::string now_shown = on_screen();
  if (now_shown == shown_) return false;
  shown_ = now_shown;
  candidate_.reset();
  if (shown_.empty()) return false;
  arming_ = Arming::Terminal;
  shown_at_ = now;
  ++awaited_;
  return true;
}

void WatchModel::terminal_has_drawn(Clock::time_point now) {
  if (awaited_ > 0) --awaited_;
  if (awaited_ > 0 || arming_ != Arming::Terminal) return;
  arming_ = Arming::Guard;
  guard_from_ = now;
}

void WatchModel::lost_time(Clock::time_point now) {
  candidate_.reset();
  guard_from_ = now;
}

bool WatchModel::armed(Clock::time_point now) const {
  return !shown_.empty() && shown_ == on_screen() && arming_ == Arming::Guard && now - guard_from_ >= kGuard;
}

WatchModel::Clock::time_point WatchModel::tick(Clock::time_point now) {
  if (arming_ == Arming::Terminal && now - shown_at_ >= kLongestWaitForTerminal) {
    arming_ = Arming::Guard;
    guard_from_ = now;
    awaited_ = 0;
  }
  if (candidate_ && candidate_->due <= now) {
    const Candidate held = *std::exchange(candidate_, std::nullopt);
    // It was pressed for what was on the screen then.
    const bool same = held.question == (line_for_.empty() ? shown_ : line_for_) && held.question == on_screen();
    if (same) act(held.key);
  }
  auto next = now + std::chrono::seconds(1);
  if (candidate_) next = std::min(next, candidate_->due);
  if (!shown_.empty() && arming_ == Arming::Terminal) next = std::min(next, shown_at_ + kLongestWaitForTerminal);
  if (!shown_.empty() && arming_ == Arming::Guard && now < guard_from_ + kGuard)
    next = std::min<Clock::time_point>(next, guard_from_ + kGuard);
  return next;
}

// ---- keys

void WatchModel::input(const std::vector<KeyReader::Event>& all, Clock::time_point now) {
  std::vector<KeyReader::Event> events;
  for (const auto& event : all) {
    if (event.kind == Kind::Sequence && event.text == kTerminalIsWell)
      terminal_has_drawn(now);
    else
      events.push_back(event);
  }
  if (events.empty()) return;
  const bool alone = now - last_input_ >= kQuiet && events.size() == 1;
  last_input_ = now;
  candidate_.reset();
  const bool ready = armed(now);
  if (!ready) guard_from_ = now;  // somebody is typing: that is not yet meant for what came up meanwhile
  // A whole line may come at once, from a fast hand: its Enter counts if it is the only one and nothing follows it.
  const bool line = events.size() > 1 && std::ranges::all_of(events, [&](const KeyReader::Event& event) {
                      return event.kind == Kind::Key && (event.text == "\r") == (&event == &events.back());
                    });
  for (const auto& event : events) {
    if (event.kind == Kind::Paste) {
      message_ = "a paste is no answer";
    } else if (event.kind == Kind::Sequence) {
      sequence(event.text);
    } else if (mode_ == Mode::Keys || mode_ == Mode::Help) {
      key_in_list(event.text, alone, now);
    } else {
      key_in_line(event.text, alone || (line && &event == &events.back()), now);
    }
  }
}

void WatchModel::sequence(const std::string& sequence) {
  if (mode_ == Mode::Help) return;
  const bool in_line = mode_ != Mode::Keys;
  if (sequence.size() < 3 || in_line) return;
  const std::string_view end = std::string_view(sequence).substr(2);
  if (end == "A") return move(-1);
  if (end == "B") return move(1);
  if (end == "H" || end == "1~") return move(-static_cast<std::ptrdiff_t>(asked_.size() + kMostDecisions));
  if (end == "F" || end == "4~") return move(static_cast<std::ptrdiff_t>(asked_.size() + kMostDecisions));
  if (end == "C") return open(static_cast<Page>((static_cast<int>(page_) + 1) % 3));
  if (end == "D" || end == "Z") return open(static_cast<Page>((static_cast<int>(page_) + 2) % 3));
  if (end == "6~" || end == "5~") {
    whole_ = true;
    if (end == "6~")
      scrolled_ += 5;
    else
      scrolled_ -= std::min<std::size_t>(scrolled_, 5);
  }
}

void WatchModel::key_in_list(const std::string& key, bool alone, Clock::time_point now) {
  message_.clear();
  if (key == "\x03") {
    quit_ = true;
    return;
  }
  if (key == "\x1a") {
    suspend_ = true;
    return;
  }
  if (key == "\x0c") {
    redraw_ = true;
    return;
  }
  if (mode_ == Mode::Help) {
    mode_ = Mode::Keys;
    return;
  }
  if (key == "q") quit_ = true;
  if (key == "?") mode_ = Mode::Help;
  if (key == "\t") open(static_cast<Page>((static_cast<int>(page_) + 1) % 3));
  if (key == "1") open(Page::Questions);
  if (key == "2") open(Page::Sessions);
  if (key == "3") open(Page::Decisions);
  if (key == "j" || key == " " || key == "\r") move(1);
  if (key == "k") move(-1);
  if (key == "g") move(-static_cast<std::ptrdiff_t>(asked_.size() + kMostDecisions));
  if (key == "G") move(static_cast<std::ptrdiff_t>(asked_.size() + kMostDecisions));
  if (key == "v") {
    whole_ = !whole_;
    scrolled_ = 0;
  }
  if (key == "/") {
    mode_ = Mode::Search;
    filter_before_ = filter_;
    typed_ = filter_;
  }
  if (key == "\x1b" && !filter_.empty()) {
    filter_.clear();
    stale_ = true;
  }
  if (std::string_view("ocsnrt").find(key) == std::string_view::npos || key.size() != 1) return;
  const Asked* one = question();
  if (one == nullptr) {
    message_ = page_ == Page::Questions ? "no question is selected" : "answers are given on the page of questions (1)";
  } else if (!one->gone.empty()) {
    message_ = one->gone + "; j or space: next";
  } else if (!armed(now) || !alone) {
    message_ = "that question has only just come up; press the key again";
  } else {
    hold(key, now);
  }
}

// A key counts when nothing has followed it for a moment: what machines send comes in bursts.
void WatchModel::hold(const std::string& key, Clock::time_point now) {
  candidate_ = Candidate{key, line_for_.empty() ? shown_ : line_for_, now + kQuiet};
}

void WatchModel::key_in_line(const std::string& key, bool alone, Clock::time_point now) {
  if (key == "\x03" || key == "\x1b") {
    if (mode_ == Mode::Search) {
      filter_ = filter_before_;
      stale_ = true;
    }
    return leave_line("");
  }
  if (key == "\x1a") {
    suspend_ = true;
  } else if (is_text(key)) {
    if (typed_.size() + key.size() <= kLongestLine) typed_ += key;
  } else if (key == "\x7f" || key == "\b") {
    while (!typed_.empty() && (static_cast<unsigned char>(typed_.back()) & 0xC0) == 0x80) typed_.pop_back();
    if (!typed_.empty()) typed_.pop_back();
  } else if (key == "\x15") {
    typed_.clear();
  } else if (key == "\r" && mode_ == Mode::Search) {
    leave_line("");
    if (!selected() && !listed().empty()) select(0);
  } else if (key == "\r" && alone) {
    hold(key, now);
  }
  if (mode_ == Mode::Search) {
    filter_ = lower(typed_);
    stale_ = true;
  }
}

void WatchModel::act(const std::string& key) {
  if (key == "\r") return finish_line();
  if (key == "n") return send(Consent::No, Scope::Command, {}, {});
  if (key == "t") return send(Consent::Stop, Scope::Session, {}, {});
  if (key == "r") {
    mode_ = Mode::Reason;
    line_for_ = shown_;
    typed_.clear();
    return;
  }
  const Waiting& waiting = question()->waiting;
  scope_ = key == "o" ? Scope::Once : key == "c" ? Scope::Command : Scope::Session;
  if (!waiting.may_answer) {
    message_ = "you may not allow it: " + show(waiting.why_not);
  } else if (waiting.question.confirm.empty()) {
    send(Consent::Yes, scope_, {}, {});
  } else {
    mode_ = Mode::Confirm;
    line_for_ = shown_;
    typed_.clear();
  }
}

void WatchModel::finish_line() {
  const std::string typed = typed_;
  if (mode_ == Mode::Reason) {
    send(Consent::No, Scope::Command, typed, {});
    return leave_line("");
  }
  if (mode_ != Mode::Confirm) return;
  if (typed != question()->waiting.question.confirm) {
    typed_.clear();
    message_ = "that is not it; nothing was allowed";
    return;
  }
  send(Consent::Yes, scope_, {}, typed);
  leave_line("");
}

void WatchModel::leave_line(std::string message) {
  mode_ = Mode::Keys;
  typed_.clear();
  line_for_.clear();
  message_ = std::move(message);
}

void WatchModel::send(Consent consent, Scope scope, std::string reason, std::string confirm) {
  Asked* one = find(on_screen());
  if (one == nullptr) return;
  approve::message::Give give;
  give.id = one->waiting.id;
  one->gone = kAnswering;
  give.consent = consent;
  give.scope = scope;
  give.reason = std::move(reason);
  give.confirm = std::move(confirm);
  answers_.push_back(std::move(give));
}

std::vector<approve::message::Give> WatchModel::take_answers() { return std::exchange(answers_, {}); }
bool WatchModel::take_suspend() { return std::exchange(suspend_, false); }
bool WatchModel::take_redraw() { return std::exchange(redraw_, false); }
bool WatchModel::take_bell() { return std::exchange(bell_, false); }

}  // namespace assent::cli
