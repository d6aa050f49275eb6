// Queue: the questions that wait, in the order they were asked. Pure: the time is an argument, nothing is shown,
// nothing is called back. Every surface (terminal, daemon) stands on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "assent/question.h"

namespace assent::approve {

class Queue {
 public:
  using Clock = std::chrono::steady_clock;

  // One thing to answer. Questions that would be shown word for word the same stand together and get one answer.
  struct Entry {
    Question shown;  // `shown.id` is that of the first one still alive
    struct Asker {
      std::uint64_t id = 0;
      Clock::time_point deadline;
      Clock::time_point asked;
    };
    std::vector<Asker> askers;
  };

  enum class Added { New, Merged };
  Added add(Question question, Clock::time_point now);

  // Somebody said yes and more people are needed. Kept with the question until it is answered; the caller has looked
  // whether they may. False: no such question.
  bool vote(std::uint64_t id, Vote vote);

  // The call died. True: the entry is gone with it.
  bool cancel(std::uint64_t id);

  [[nodiscard]] const Entry* front() const { return entries_.empty() ? nullptr : &entries_.front(); }
  [[nodiscard]] const Entry* find(std::uint64_t id) const;  // of any asker
  [[nodiscard]] const std::deque<Entry>& entries() const { return entries_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;

  // Gives the answer to everyone in the entry of `answer.question`, and to the other questions that wait and that its
  // scope covers (scopes.h). One Answer an asker, ready to be delivered. Empty: no such question.
  std::vector<Answer> answer(const Answer& answer, Clock::time_point now);

  // Denials for those whose time is up.
  std::vector<Answer> expire(Clock::time_point now);

  // The same no for all: the surface went away.
  std::vector<Answer> deny_all(const Answer& answer, Clock::time_point now);

 private:
  std::deque<Entry> entries_;
};

}  // namespace assent::approve
