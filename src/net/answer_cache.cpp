#include "net/answer_cache.h"

#include <algorithm>
#include <utility>

namespace assent::net {

namespace {

constexpr std::size_t kMost = 4096;
constexpr std::chrono::seconds kNothing{5};

}  // namespace

void AnswerCache::keep(const std::string& key, Known known, Clock::time_point now) {
  std::chrono::seconds holds = kNothing;
  if (!known.found.empty()) {
    const auto shortest =
        std::ranges::min_element(known.found, [](const Found& a, const Found& b) { return a.ttl < b.ttl; });
    holds = std::chrono::seconds(shortest->ttl);
  }
  if (holds.count() == 0) return;
  if (entries_.insert_or_assign(key, Entry{std::move(known), now, now + holds}).second) order_.push_back(key);
  if (order_.size() <= kMost) return;
  entries_.erase(order_.front());
  order_.pop_front();
}

std::optional<AnswerCache::Known> AnswerCache::look_up(const std::string& key, Clock::time_point now) const {
  const auto at = entries_.find(key);
  if (at == entries_.end() || now >= at->second.until) return std::nullopt;
  Known out = at->second.known;
  const auto age =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now - at->second.kept).count());
  for (Found& one : out.found) one.ttl -= std::min(one.ttl, age);
  return out;
}

}  // namespace assent::net
