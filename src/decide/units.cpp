#include "decide/units.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

namespace assent::decide {

namespace {

// A whole number at the start of `text`, which is cut off it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  if (text.empty()) return number;
  constexpr std::string_view kUnits = "KMGT";
  const auto unit = kUnits.find(text.front());
  if (unit == std::string_view::npos || text.size() != 1) return std::nullopt;
  const unsigned shift = 10 * (static_cast<unsigned>(unit) + 1);
  if (*number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
  return *number << shift;
}

std::optional<unsigned> parse_percent(std::string_view text) {
  const auto number = take_number(text);
  if (!number || text != "%" || *number == 0 || *number > 1'000'000) return std::nullopt;
  return static_cast<unsigned>(*number);
}

std::optional<int> errno_from_name(std::string_view name) {
  constexpr int kLast = 133;  // EHWPOISON, the last one Linux has
  for (int code = 1; code <= kLast; ++code) {
    const char* known = strerrorname_np(code);
    if (known != nullptr && name == known) return code;
  }
  return std::nullopt;
}

}  // namespace assent::decide
