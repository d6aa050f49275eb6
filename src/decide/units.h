// Sizes, shares and errno names as people write them in profiles.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assent::decide {

std::optional<std::uint64_t> parse_size(std::string_view text);  // "10M", "2G", "512": bytes, powers of 1024
std::optional<unsigned> parse_percent(std::string_view text);    // "400%": 1 to 1,000,000
std::optional<int> errno_from_name(std::string_view name);       // "EACCES"

}  // namespace assent::decide
