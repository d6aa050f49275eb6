#include "base/duration.h"

#include <gtest/gtest.h>

namespace assent {
namespace {

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("90").value(), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("90s").value(), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("5m").value(), std::chrono::minutes(5));
  EXPECT_EQ(parse_duration("2h").value(), std::chrono::hours(2));
  EXPECT_EQ(parse_duration("14d").value(), std::chrono::hours(14 * 24));
}

TEST(Duration, IsRefusedWhereItIsNone) {
  for (const char* text : {"", "m", "-5m", "5 m", "5w", "5mm", "1e3", "99999999999999999999", "9999999999d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, EINVAL) << text;
  }
}

}  // namespace
}  // namespace assent
