#include "cli/watch_model.h"

#include <fmt/format.h>

#include <utility>

#include "base/show.h"

namespace assent::cli {

namespace {

using approve::KeyReader;
using Kind = KeyReader::Event::Kind;

constexpr std::string_view kAnswering = "your answer is on its way";
constexpr std::string_view kElsewhere = "it was answered elsewhere, was cancelled or ran out of time";
constexpr std::string_view kTerminalIsWell = "\x1b[0n";
constexpr std::size_t kLongestLine = 1000;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string searched_of(const WatchModel::Waiting& waiting) {
  const Question& q = waiting.question;
  std::string text =
      fmt::format("{} {} {} {} {} {} {}", show(waiting.id), show(q.operation), show(q.object), show(q.session),
                  show(waiting.user), show(to_string(q.decision.rule)), show(q.decision.reason));
  if (q.process) text += " " + show_command(q.process->argv) + " " + show(q.process->cwd);
  return lower(std::move(text));
}

bool is_text(const std::string& key) {
  const auto first = static_cast<unsigned char>(key.front());
  return first >= 0x20 && first != 0x7F;
}

}  // namespace

// ---- facts

void WatchModel::connected(std::string where) {
  connected_ = true;
  daemon_ = std::move(where);
}

void WatchModel::disconnected(std::string why) {
  connected_ = false;
  daemon_ = std::move(why);
  registered_.clear();
  for (auto& one : asked_) {
    if (one.gone.empty() || one.gone == kAnswering) one.gone = "the approval daemon went away: it was denied";
  }
  if (!line_for_.empty()) leave_line("that question is gone");
  forget_gone();
  merge_sessions();
}

void WatchModel::told(std::vector<Waiting> waiting, std::vector<Running> running, Clock::time_point now) {
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < waiting.size(); ++i) places.emplace(waiting[i].id, i);
  for (auto& one : asked_) {
    const auto place = places.find(one.waiting.id);
    if (place == places.end()) {
      if (one.gone.empty()) one.gone = kElsewhere;
      continue;
    }
    one.waiting = std::move(waiting[place->second]);
    one.deadline = now + one.waiting.left;
    places.erase(place);
  }
  for (auto& one : waiting) {
    if (!places.contains(one.id)) continue;  // known, and moved from
    places.erase(one.id);
    Asked asked;
    asked.deadline = now + one.left;
    asked.searched = searched_of(one);
    asked.waiting = std::move(one);
    asked_.push_back(std::move(asked));
    bell_ = true;
  }
  if (const Asked* line = find(line_for_); !line_for_.empty() && (line == nullptr || !line->gone.empty()))
    leave_line("that question is gone");
  forget_gone();
  registered_ = std::move(running);
  merge_sessions();
}

// What is gone stays only where a human may be looking at it.
void WatchModel::forget_gone() {
  std::erase_if(asked_, [this](const Asked& one) {
    return !one.gone.empty() && one.gone != kAnswering && one.waiting.id != chosen_question_;
  });
  stale_ = true;
  if (find(chosen_question_) != nullptr) return;
  chosen_question_ = asked_.empty() ? std::string() : asked_.front().waiting.id;
  moved_ = false;
  whole_ = false;
  scrolled_ = 0;
}

void WatchModel::recorded(const std::vector<Known>& sessions) {
  recorded_ = sessions;
  merge_sessions();
}

void WatchModel::merge_sessions() {
  std::vector<Known> now;
  for (const auto& one : registered_) {
    Known known{one.session.session,
                one.session.project,
                one.session.command,
                one.session.name,
                one.user,
                one.waiting,
                true,
                {}};
    now.push_back(std::move(known));
  }
  for (const auto& one : recorded_) {
    if (std::ranges::none_of(now, [&](const Known& other) { return other.session == one.session; })) now.push_back(one);
  }
  // What is on the screen keeps its place.
  std::vector<Known> out;
  for (const auto& before : sessions_) {
    const auto found = std::ranges::find_if(now, [&](const Known& one) { return one.session == before.session; });
    if (found == now.end()) continue;
    out.push_back(std::move(*found));
    now.erase(found);
  }
  for (auto& one : now) out.push_back(std::move(one));
  for (auto& one : out) {
    one.searched = lower(fmt::format("{} {} {} {} {}", show(one.session), show(one.name), show(one.project),
                                     show_command(one.command), show(one.user)));
  }
  sessions_ = std::move(out);
  stale_ = true;
}

void WatchModel::decided(std::string session, std::string line) {
  Decision one;
  one.number = next_decision_++;
  one.searched = lower(session + " " + line);
  one.session = std::move(session);
  one.line = std::move(line);
  decisions_.push_back(std::move(one));
  if (decisions_.size() > kMostDecisions) decisions_.pop_front();
  stale_ = true;
}

void WatchModel::given(const std::string& id, Consent consent, std::uint64_t missing) {
  Asked* one = find(id);
  if (missing > 0) {
    if (one != nullptr && one->gone == kAnswering) one->gone.clear();
    message_ =
        fmt::format("your yes is noted; {} more {} say yes", missing, missing == 1 ? "person must" : "people must");
    return;
  }
  const std::string_view said = consent == Consent::Yes    ? "allowed"
                                : consent == Consent::Stop ? "denied, and the agent is stopped"
                                                           : "denied";
  message_ = fmt::format("{}: {}", show(id), said);
  if (one != nullptr) one->gone = fmt::format("you answered it: {}", said);
  forget_gone();
}

void WatchModel::refused(const std::string& id, const std::string& why) {
  message_ = fmt::format("cannot answer {}: {}", show(id), show(why));
  if (Asked* one = find(id); one != nullptr && one->gone == kAnswering) one->gone.clear();
  stale_ = true;
}

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

// ---- what is listed and selected

void WatchModel::open(Page page) {
  page_ = page;
  whole_ = false;
  scrolled_ = 0;
  stale_ = true;
}

bool WatchModel::matches(const std::string& searched) const {
  return filter_.empty() || searched.find(filter_) != std::string::npos;
}

const std::vector<std::size_t>& WatchModel::listed() const {
  if (!std::exchange(stale_, false)) return listed_;
  listed_.clear();
  const auto add = [this](const auto& all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (matches(all[i].searched)) listed_.push_back(i);
    }
  };
  switch (page_) {
    case Page::Questions:
      add(asked_);
      break;
    case Page::Sessions:
      add(sessions_);
      break;
    case Page::Decisions:
      add(decisions_);
      break;
  }
  return listed_;
}

std::optional<std::size_t> WatchModel::selected() const {
  const auto& all = listed();
  for (std::size_t i = 0; i < all.size(); ++i) {
    switch (page_) {
      case Page::Questions:
        if (asked_[all[i]].waiting.id == chosen_question_) return i;
        break;
      case Page::Sessions:
        if (sessions_[all[i]].session == chosen_session_) return i;
        break;
      case Page::Decisions:
        if (decisions_[all[i]].number == chosen_decision_) return i;
        break;
    }
  }
  if (all.empty()) return std::nullopt;
  // Nothing is answered on these pages, so something is always selected.
  if (page_ == Page::Sessions) return 0;
  if (page_ == Page::Decisions) return chosen_decision_ == 0 ? all.size() - 1 : 0;
  return std::nullopt;
}

void WatchModel::select(std::optional<std::size_t> place) {
  if (!place || *place >= listed().size()) return;
  const std::size_t index = listed()[*place];
  switch (page_) {
    case Page::Questions:
      moved_ = true;
      chosen_question_ = asked_[index].waiting.id;
      forget_gone();
      break;
    case Page::Sessions:
      chosen_session_ = sessions_[index].session;
      break;
    case Page::Decisions:
      chosen_decision_ = *place + 1 == listed().size() ? 0 : decisions_[index].number;
      break;
  }
  whole_ = false;
  scrolled_ = 0;
}

void WatchModel::move(std::ptrdiff_t by) {
  const auto size = static_cast<std::ptrdiff_t>(listed().size());
  if (size == 0) return;
  const auto at = selected();
  const std::ptrdiff_t to = at ? static_cast<std::ptrdiff_t>(*at) + by : 0;
  select(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(to, 0, size - 1)));
}

WatchModel::Asked* WatchModel::find(const std::string& id) {
  const auto found = std::ranges::find_if(asked_, [&](const Asked& one) { return one.waiting.id == id; });
  return found == asked_.end() || id.empty() ? nullptr : &*found;
}

const WatchModel::Asked* WatchModel::question() const {
  if (page_ != Page::Questions) return nullptr;
  const auto at = selected();
  return at ? &asked_[listed()[*at]] : nullptr;
}

std::size_t WatchModel::questions() const {
  return static_cast<std::size_t>(std::ranges::count_if(asked_, [](const Asked& one) { return one.gone.empty(); }));
}

}  // namespace assent::cli
