// State: everything the daemon knows: sessions, the questions that wait, and who has said what. Pure: the time is an
// argument, nothing is sent. In: what clients say, each with who the kernel says it is. Out: what is to be delivered.
// Every surface (sockets, later ones) stands on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "approve/message.h"
#include "approve/queue.h"
#include "approve/rights.h"

namespace assent::assentd {

using approve::Person;
using SessionKey = std::uint64_t;  // of one connection; never used twice

struct Limits {
  std::size_t sessions_a_user = 4096;
  std::size_t questions_a_session = 10'000;
  std::size_t bytes_a_user = 256 << 20;  // of questions that wait
};

class State {
 public:
  using Clock = approve::Queue::Clock;

  struct Session {
    approve::SessionFacts facts;
    Person owner;
    approve::Queue queue;
    struct Asked {
      std::string name;
      std::size_t bytes = 0;
    };
    std::unordered_map<std::uint64_t, Asked> names;  // of each asker's question
  };
  struct Delivery {
    SessionKey session = 0;
    Answer answer;
  };
  using Deliveries = std::vector<Delivery>;

  explicit State(std::uint64_t seed, Limits limits = {}) : random_(seed | 1), limits_(limits) {}

  // EDQUOT: too many of this user's.
  Result<SessionKey> open(approve::SessionFacts facts, Person owner);
  // Its questions go with it.
  void close(SessionKey session);

  // What cannot be asked is answered with a no.
  Deliveries ask(SessionKey session, Question question, std::chrono::milliseconds left, Clock::time_point now);
  void cancel(SessionKey session, std::uint64_t question);

  struct GivenBack {
    Result<std::uint64_t> missing;  // more people that must say yes; or why it was refused
    Deliveries deliveries;
  };
  GivenBack give(const approve::message::Give& give, const Person& person, const std::string& from,
                 Clock::time_point now);

  Deliveries expire(Clock::time_point now);
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;

  // What this person may see: their own sessions, and the questions that they may answer.
  void each_waiting(const Person& person, Clock::time_point now,
                    const std::function<void(approve::message::Waiting)>& tell) const;
  // A part of it: of the sessions from `from` on, until `most` were told. The session to go on with; 0: that was all.
  SessionKey some_waiting(const Person& person, Clock::time_point now, SessionKey from, std::size_t most,
                          const std::function<void(approve::message::Waiting)>& tell) const;
  // `most` of all those, some of each session; how many there are. `matches`: of those alone; empty: of all.
  std::size_t first_waiting(const Person& person, Clock::time_point now, std::size_t most,
                            const std::function<void(approve::message::Waiting)>& tell,
                            const std::function<bool(const Question&)>& matches = {}) const;
  void each_running(const Person& person, const std::function<void(approve::message::Running)>& tell) const;

  [[nodiscard]] const std::map<SessionKey, Session>& sessions() const { return sessions_; }
  // Moves whenever anything of the above does.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

 private:
  [[nodiscard]] std::string new_name();
  void forget(Session& session, std::unordered_map<std::uint64_t, Session::Asked>::iterator asked);
  // Takes the askers' names and counts back, and makes them deliveries.
  Deliveries deliver(SessionKey key, std::vector<Answer> answers);
  const approve::Queue::Entry* find(const std::string& name, SessionKey& key);
  // None: this question is nothing to this person.
  [[nodiscard]] std::optional<approve::message::Waiting> told(const Session& session,
                                                              const approve::Queue::Entry& entry, const Person& person,
                                                              Clock::time_point now) const;

  std::map<SessionKey, Session> sessions_;
  std::unordered_map<std::string, SessionKey> names_;
  std::unordered_map<uid_t, std::size_t> bytes_;                  // of whose questions
  std::unordered_set<std::string> used_;                          // no name comes twice while the daemon lives
  std::set<std::pair<Clock::time_point, SessionKey>> deadlines_;  // some of them passed already or were for nothing
  std::uint64_t random_;
  Limits limits_;
  SessionKey next_ = 1;
  std::uint64_t revision_ = 0;
};

}  // namespace assent::assentd
