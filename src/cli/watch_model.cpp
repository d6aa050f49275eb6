#include "cli/watch_model.h"

#include <fmt/format.h>

#include <utility>

#include "base/show.h"

namespace assent::cli {

namespace {

constexpr std::string_view kElsewhere = "it was answered elsewhere, was cancelled or ran out of time";

std::string searched_of(const WatchModel::Waiting& waiting) {
  const Question& q = waiting.question;
  std::string text =
      fmt::format("{} {} {} {} {} {} {}", show(waiting.id), show(q.operation), show(q.object), show(q.session),
                  show(waiting.user), show(to_string(q.decision.rule)), show(q.decision.reason));
  if (q.process) text += " " + show_command(q.process->argv) + " " + show(q.process->cwd);
  return lower(std::move(text));
}

}  // namespace

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

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
