// AnswerCache: what name servers said, for as long as they said it holds; that there is nothing, for a few seconds.
// Bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/dns_message.h"

namespace assent::net {

class AnswerCache {
 public:
  using Clock = std::chrono::steady_clock;

  struct Known {
    bool exists = true;        // false: there is no such name
    std::vector<Found> found;  // with the seconds that are left
  };
  void keep(const std::string& key, Known known, Clock::time_point now);
  [[nodiscard]] std::optional<Known> look_up(const std::string& key, Clock::time_point now) const;

 private:
  struct Entry {
    Known known;
    Clock::time_point kept;
    Clock::time_point until;
  };
  std::unordered_map<std::string, Entry> entries_;
  std::deque<std::string> order_;  // of the keys, oldest first
};

}  // namespace assent::net
