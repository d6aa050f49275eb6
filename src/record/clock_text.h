// ClockText: the time now as "2026-11-21T02:15:30.123456Z". Keeps the text of the running second, so most calls cost
// one clock read and six digits.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace assent::record {

class ClockText {
 public:
  // Valid until the next call.
  std::string_view now();
  // The time that now() last told, in nanoseconds since the epoch.
  [[nodiscard]] std::int64_t last_ns() const { return last_ns_; }
  // The text of any time.
  std::string_view at(timespec time);

 private:
  std::int64_t last_ns_ = 0;
  std::time_t second_ = -1;
  std::array<char, 28> text_{};
};

}  // namespace assent::record
