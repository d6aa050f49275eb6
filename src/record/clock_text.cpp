#include "record/clock_text.h"

#include <fmt/format.h>

namespace assent::record {

std::string_view ClockText::now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  last_ns_ = static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  return at(time);
}

std::string_view ClockText::at(timespec time) {
  if (time.tv_sec != second_) {
    std::tm utc{};
    ::gmtime_r(&time.tv_sec, &utc);
    fmt::format_to_n(text_.data(), text_.size(), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000000Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    second_ = time.tv_sec;
  }
  long micros = time.tv_nsec / 1000;
  for (std::size_t i = 25; i >= 20; --i) {
    text_[i] = static_cast<char>('0' + micros % 10);
    micros /= 10;
  }
  return {text_.data(), 27};
}

}  // namespace assent::record
