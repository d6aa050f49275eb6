#include "base/duration.h"

#include <charconv>
#include <cstdint>

#include "base/show.h"

namespace assent {

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  std::int64_t seconds = -1;
  if (unit.empty() || unit == "s") seconds = 1;
  if (unit == "m") seconds = 60;
  if (unit == "h") seconds = 3600;
  if (unit == "d") seconds = 86400;
  constexpr std::int64_t kLongest = 10LL * 366 * 86400;
  if (problem != std::errc{} || seconds < 0 || count < 0 || count > kLongest / seconds) {
    return fail(EINVAL, "'" + show(text) + "' is not a duration such as 90s, 5m, 2h or 14d");
  }
  return std::chrono::seconds(count * seconds);
}

}  // namespace assent
