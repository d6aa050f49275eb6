#include "assentd/state.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/show.h"

namespace assent::assentd {

namespace {

using std::chrono::milliseconds;

constexpr auto kLongestWait = std::chrono::hours(24 * 7);

milliseconds since(State::Clock::time_point then, State::Clock::time_point now) {
  return std::chrono::duration_cast<milliseconds>(now - then);
}

// What it takes to hold it, more or less.
std::size_t size_of(const Question& question) {
  std::size_t out = sizeof question + question.object.size() + question.other.size() + question.confirm.size() +
                    question.decision.reason.size() + question.decision.rule.file.size();
  const auto add = [&out](const std::vector<std::string>& words) {
    for (const auto& word : words) out += sizeof word + word.size();
  };
  add(question.decision.approvers);
  if (question.radius) out += question.radius->root.size();
  if (!question.process) return out;
  out += sizeof *question.process + question.process->exe.size() + question.process->cwd.size();
  add(question.process->argv);
  add(question.process->ancestry);
  return out;
}

}  // namespace

// Four letters to type, drawn at random: a name that somebody still has on the screen must not come to mean something
// else, not even after a restart. They open nothing: who may answer is said by the kernel.
std::string State::new_name() {
  constexpr std::string_view kLetters = "bcdfghjkmnpqrstvwxz23456789";
  for (std::size_t length = 4;; length += used_.size() > 100'000 ? 1 : 0) {
    std::string out;
    for (std::size_t i = 0; i < length; ++i) {
      random_ ^= random_ << 13;
      random_ ^= random_ >> 7;
      random_ ^= random_ << 17;
      out += kLetters[(random_ >> 20) % kLetters.size()];
    }
    if (used_.insert(out).second) return out;
  }
}

Result<SessionKey> State::open(approve::SessionFacts facts, Person owner) {
  const auto of_user =
      std::ranges::count_if(sessions_, [&](const auto& one) { return one.second.owner.uid == owner.uid; });
  if (static_cast<std::size_t>(of_user) >= limits_.sessions_a_user)
    return fail(EDQUOT, fmt::format("{} has too many sessions already", owner.user));
  ++revision_;
  Session session;
  session.facts = std::move(facts);
  session.owner = std::move(owner);
  sessions_.emplace(next_, std::move(session));
  return next_++;
}

void State::close(SessionKey key) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return;
  ++revision_;
  Session& session = found->second;
  while (!session.names.empty()) {
    names_.erase(session.names.begin()->second.name);
    forget(session, session.names.begin());
  }
  sessions_.erase(found);
}

void State::forget(Session& session, std::unordered_map<std::uint64_t, Session::Asked>::iterator asked) {
  const auto whose = bytes_.find(session.owner.uid);
  whose->second -= asked->second.bytes;
  if (whose->second == 0) bytes_.erase(whose);
  session.names.erase(asked);
}

State::Deliveries State::ask(SessionKey key, Question question, milliseconds left, Clock::time_point now) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return {};
  Session& session = found->second;
  ++revision_;
  std::size_t bytes = size_of(question);
  const auto held = bytes_.find(session.owner.uid);
  const bool full = bytes + (held == bytes_.end() ? 0 : held->second) > limits_.bytes_a_user;
  if (full || session.names.contains(question.id) || session.names.size() >= limits_.questions_a_session) {
    Answer no;
    no.question = question.id;
    no.reason = "too many questions wait already";
    no.who = "assentd";
    return {{key, std::move(no)}};
  }
  const std::uint64_t id = question.id;
  // A session says what it is called when it registers, and asks as nobody else.
  question.session = session.facts.session;
  question.votes.clear();
  question.deadline = now + std::min<milliseconds>(left, kLongestWait);
  deadlines_.emplace(question.deadline, key);
  std::string name;
  if (session.queue.add(std::move(question), now) == approve::Queue::Added::Merged) {
    name = session.names.at(session.queue.find(id)->askers.front().id).name;
    bytes = sizeof(approve::Queue::Entry::Asker);  // the question stands there once
  } else {
    name = new_name();
    names_.emplace(name, key);
  }
  session.names.emplace(id, Session::Asked{std::move(name), bytes});
  bytes_[session.owner.uid] += bytes;
  return {};
}

void State::cancel(SessionKey key, std::uint64_t question) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return;
  const auto name = found->second.names.find(question);
  if (name == found->second.names.end()) return;
  ++revision_;
  if (found->second.queue.cancel(question)) names_.erase(name->second.name);
  forget(found->second, name);
}

const approve::Queue::Entry* State::find(const std::string& name, SessionKey& key) {
  const auto where = names_.find(name);
  if (where == names_.end()) return nullptr;
  key = where->second;
  const Session& session = sessions_.at(key);
  for (const auto& entry : session.queue.entries()) {
    if (session.names.at(entry.askers.front().id).name == name) return &entry;
  }
  return nullptr;
}

State::GivenBack State::give(const approve::message::Give& give, const Person& person, const std::string& from,
                             Clock::time_point now) {
  GivenBack out{fail(ENOENT), expire(now)};
  const auto refused = [&](int code, std::string why) {
    out.missing = fail(code, std::move(why));
    return std::move(out);
  };
  SessionKey key = 0;
  const approve::Queue::Entry* entry = find(give.id, key);
  const std::string gone =
      used_.contains(give.id) ? "it was answered, was cancelled or ran out of time" : "there is no such question";
  if (entry == nullptr) return refused(ENOENT, gone);
  Session& session = sessions_.at(key);
  const Question& question = entry->shown;
  const bool yes = give.consent == Consent::Yes;

  const auto not_allow = why_not_allow(question, session.owner.uid, person);
  const auto not_refuse = why_not_refuse(question, session.owner.uid, person);
  if (yes && not_allow) return refused(EACCES, *not_allow);
  if (!yes && not_refuse) return refused(EACCES, *not_refuse);
  // What is shown escaped can only be typed so.
  const bool typed = give.confirm == question.confirm || give.confirm == show(question.confirm);
  if (yes && !typed && !question.confirm.empty()) {
    return refused(EINVAL, fmt::format("it must be confirmed by typing {}", show(question.confirm, 80)));
  }

  Answer answer;
  answer.question = entry->askers.front().id;
  answer.consent = give.consent;
  answer.scope = give.scope;
  answer.reason = yes ? "" : give.reason;
  answer.who = person.user;
  answer.uid = person.uid;
  answer.from = from;
  answer.votes = question.votes;
  const Vote vote{person.user, person.uid, from, give.scope, since(entry->askers.front().asked, now)};
  ++revision_;
  if (yes) {
    answer.votes.push_back(vote);
    const std::uint64_t said = answer.votes.size();
    if (said < question.decision.quorum) {
      const std::uint64_t more = question.decision.quorum - said;
      session.queue.vote(answer.question, vote);
      out.missing = more;
      return out;
    }
    // It reaches no further than the most careful of them meant.
    for (const auto& one : answer.votes) answer.scope = std::min(answer.scope, one.scope);
  }
  auto delivered = deliver(key, session.queue.answer(answer, now));
  out.deliveries.insert(out.deliveries.end(), std::make_move_iterator(delivered.begin()),
                        std::make_move_iterator(delivered.end()));
  out.missing = 0;
  return out;
}

State::Deliveries State::deliver(SessionKey key, std::vector<Answer> answers) {
  Deliveries out;
  Session& session = sessions_.at(key);
  for (auto& answer : answers) {
    const auto name = session.names.find(answer.question);
    if (name != session.names.end()) {
      // A name goes with the last that asked under it.
      const bool last = std::ranges::none_of(session.queue.entries(), [&](const auto& entry) {
        const auto other = session.names.find(entry.askers.front().id);
        return other != session.names.end() && other->second.name == name->second.name;
      });
      if (last) names_.erase(name->second.name);
      forget(session, name);
    }
    out.push_back({key, std::move(answer)});
  }
  return out;
}

State::Deliveries State::expire(Clock::time_point now) {
  Deliveries out;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const SessionKey key = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) continue;
    ++revision_;
    auto late = deliver(key, found->second.queue.expire(now));
    out.insert(out.end(), std::make_move_iterator(late.begin()), std::make_move_iterator(late.end()));
  }
  return out;
}

std::optional<State::Clock::time_point> State::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

void State::each_waiting(const Person& person, Clock::time_point now,
                         const std::function<void(approve::message::Waiting)>& tell) const {
  some_waiting(person, now, 0, static_cast<std::size_t>(-1), tell);
}

SessionKey State::some_waiting(const Person& person, Clock::time_point now, SessionKey from, std::size_t most,
                               const std::function<void(approve::message::Waiting)>& tell) const {
  std::size_t told = 0;
  for (auto at = sessions_.lower_bound(from); at != sessions_.end(); ++at) {
    const auto& [key, session] = *at;
    if (told >= most) return key;
    for (const auto& entry : session.queue.entries()) {
      auto out = this->told(session, entry, person, now);
      if (!out) continue;
      tell(std::move(*out));
      ++told;
    }
  }
  return 0;
}

std::size_t State::first_waiting(const Person& person, Clock::time_point now, std::size_t most,
                                 const std::function<void(approve::message::Waiting)>& tell,
                                 const std::function<bool(const Question&)>& matches) const {
  // First a share for each session, so that one with thousands does not hide what the others ask.
  const auto asking = static_cast<std::size_t>(
      std::ranges::count_if(sessions_, [](const auto& one) { return one.second.queue.size() > 0; }));
  const std::size_t share = std::max<std::size_t>(1, most / std::max<std::size_t>(1, asking));
  std::size_t count = 0, told_already = 0;
  std::vector<std::pair<const Session*, std::size_t>> more;  // and where its next one stands
  for (const auto& [key, session] : sessions_) {
    const auto& entries = session.queue.entries();
    std::size_t of_this = 0, at = 0, next = entries.size();
    for (const auto& entry : entries) {
      const bool full = of_this >= share || told_already >= most;
      if (full) next = std::min(next, at);
      // All of them are this person's to see: they need not be looked at to be counted.
      if (full && !matches && person.uid == session.owner.uid) {
        count += entries.size() - at;
        break;
      }
      ++at;
      if (matches && !matches(entry.shown)) continue;
      auto out = told(session, entry, person, now);
      if (!out) continue;
      ++count;
      if (full) continue;
      tell(std::move(*out));
      ++of_this;
      ++told_already;
    }
    if (next < entries.size()) more.emplace_back(&session, next);
  }
  for (const auto& [session, first] : more) {
    std::size_t at = 0;
    for (const auto& entry : session->queue.entries()) {
      if (told_already >= most) return count;
      if (at++ < first || (matches && !matches(entry.shown))) continue;
      if (auto out = told(*session, entry, person, now)) {
        tell(std::move(*out));
        ++told_already;
      }
    }
  }
  return count;
}

std::optional<approve::message::Waiting> State::told(const Session& session, const approve::Queue::Entry& entry,
                                                     const Person& person, Clock::time_point now) const {
  const auto why_not = why_not_allow(entry.shown, session.owner.uid, person);
  const bool has_voted =
      std::ranges::any_of(entry.shown.votes, [&](const Vote& vote) { return vote.uid == person.uid; });
  if (why_not && !has_voted && person.uid != session.owner.uid) return std::nullopt;
  approve::message::Waiting out;
  out.id = session.names.at(entry.askers.front().id).name;
  out.question = entry.shown;
  out.user = session.owner.user;
  out.uid = session.owner.uid;
  out.left = std::max(since(now, entry.askers.front().deadline), milliseconds(0));
  out.merged = entry.askers.size();
  out.may_answer = !why_not;
  out.why_not = why_not.value_or("");
  return out;
}

void State::each_running(const Person& person, const std::function<void(approve::message::Running)>& tell) const {
  for (const auto& [key, session] : sessions_) {
    if (session.owner.uid != person.uid) continue;
    tell({session.facts, session.owner.user, session.owner.uid, session.names.size()});
  }
}

}  // namespace assent::assentd
