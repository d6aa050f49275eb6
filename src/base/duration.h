// Durations as people write them in profiles and options: "90s", "5m", "2h", "14d"; a bare number is seconds.
#pragma once

#include <chrono>
#include <string_view>

#include "assent/result.h"

namespace assent {

// EINVAL where the text is no duration, is negative, or does not fit.
Result<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace assent
