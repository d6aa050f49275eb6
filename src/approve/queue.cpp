#include "approve/queue.h"

#include <algorithm>

#include "approve/scopes.h"

namespace assent::approve {

namespace {

bool same(const std::optional<Radius>& a, const std::optional<Radius>& b) {
  if (!a || !b) return !a && !b;
  return a->files == b->files && a->bytes == b->bytes && a->not_in_git == b->not_in_git &&
         a->outside_project == b->outside_project && a->complete == b->complete && a->root == b->root;
}

// Everything that a human is shown, and everything that says who may answer. A bigger radius is another question.
bool same(const Question& a, const Question& b) {
  if (a.object != b.object) return false;  // of thousands that one process asks, this tells most apart
  const std::uint64_t a_process = a.process ? a.process->id : 0;
  const std::uint64_t b_process = b.process ? b.process->id : 0;
  return a_process != 0 && a_process == b_process && a.process->argv == b.process->argv && a.session == b.session &&
         a.operation == b.operation && a.other == b.other && same(a.radius, b.radius) && a.recovery == b.recovery &&
         a.confirm == b.confirm && a.decision.rule == b.decision.rule && a.decision.reason == b.decision.reason &&
         a.decision.quorum == b.decision.quorum && a.decision.approvers == b.decision.approvers &&
         a.decision.not_self == b.decision.not_self;
}

void give(std::vector<Answer>& answers, const Queue::Entry& entry, const Answer& answer, Queue::Clock::time_point now) {
  for (const auto& asker : entry.askers) {
    Answer own = answer;
    own.question = asker.id;
    own.took = std::chrono::duration_cast<std::chrono::milliseconds>(now - asker.asked);
    answers.push_back(std::move(own));
  }
}

// Whether one answer may speak for another question that waits: only for one it has been shown enough for. A question
// that wants a typed yes, more people or other people is always asked by itself.
bool speaks_for(const Question& answered, const Answer& answer, const Question& other) {
  if (answer.consent == Consent::Yes &&
      (!other.confirm.empty() || other.decision.quorum > 1 || other.decision.not_self != answered.decision.not_self ||
       other.decision.approvers != answered.decision.approvers)) {
    return false;
  }
  if (answered.session != other.session) return false;
  Scopes scopes;
  scopes.remember(key_of(answered), answer, answered.asked_at);
  return scopes.covers(key_of(other)).has_value();
}

}  // namespace

Queue::Added Queue::add(Question question, Clock::time_point now) {
  const Entry::Asker asker{question.id, question.deadline, now};
  for (Entry& entry : entries_) {
    if (!same(entry.shown, question)) continue;
    entry.askers.push_back(asker);
    return Added::Merged;
  }
  entries_.push_back({std::move(question), {asker}});
  return Added::New;
}

bool Queue::vote(std::uint64_t id, Vote vote) {
  for (Entry& entry : entries_) {
    if (std::none_of(entry.askers.begin(), entry.askers.end(), [id](const auto& asker) { return asker.id == id; }))
      continue;
    entry.shown.votes.push_back(std::move(vote));
    return true;
  }
  return false;
}

bool Queue::cancel(std::uint64_t id) {
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const auto erased = std::erase_if(entry->askers, [id](const auto& asker) { return asker.id == id; });
    if (erased == 0) continue;
    if (entry->askers.empty()) {
      entries_.erase(entry);
      return true;
    }
    entry->shown.id = entry->askers.front().id;
    return false;
  }
  return false;
}

const Queue::Entry* Queue::find(std::uint64_t id) const {
  for (const Entry& entry : entries_) {
    if (std::any_of(entry.askers.begin(), entry.askers.end(), [id](const auto& asker) { return asker.id == id; })) {
      return &entry;
    }
  }
  return nullptr;
}

std::optional<Queue::Clock::time_point> Queue::next_deadline() const {
  std::optional<Clock::time_point> next;
  for (const Entry& entry : entries_) {
    for (const auto& asker : entry.askers) next = next ? std::min(*next, asker.deadline) : asker.deadline;
  }
  return next;
}

std::vector<Answer> Queue::answer(const Answer& answer, Clock::time_point now) {
  std::vector<Answer> answers = expire(now);  // late is late, even when nobody has called expire() yet
  const Entry* found = find(answer.question);
  if (found == nullptr) return answers;
  const Entry entry = *found;
  std::erase_if(entries_, [found](const Entry& other) { return &other == found; });
  give(answers, entry, answer, now);
  std::erase_if(entries_, [&](const Entry& other) {
    if (!speaks_for(entry.shown, answer, other.shown)) return false;
    give(answers, other, answer, now);
    return true;
  });
  return answers;
}

std::vector<Answer> Queue::expire(Clock::time_point now) {
  std::vector<Answer> answers;
  for (Entry& entry : entries_) {
    if (std::none_of(entry.askers.begin(), entry.askers.end(), [now](const auto& one) { return one.deadline <= now; }))
      continue;
    Entry late{entry.shown, {}};
    std::erase_if(entry.askers, [&](const auto& asker) {
      if (asker.deadline > now) return false;
      late.askers.push_back(asker);
      return true;
    });
    Answer no;
    no.consent = Consent::No;
    no.scope = Scope::Command;  // nobody is there: the same command need not wait again for each file
    no.reason = "nobody answered in time";
    no.who = "timeout";
    give(answers, late, no, now);
    if (!entry.askers.empty()) entry.shown.id = entry.askers.front().id;
  }
  std::erase_if(entries_, [](const Entry& entry) { return entry.askers.empty(); });
  return answers;
}

std::vector<Answer> Queue::deny_all(const Answer& answer, Clock::time_point now) {
  std::vector<Answer> answers;
  Answer no = answer;
  if (no.consent == Consent::Yes) no.consent = Consent::No;
  for (const Entry& entry : entries_) give(answers, entry, no, now);
  entries_.clear();
  return answers;
}

}  // namespace assent::approve
