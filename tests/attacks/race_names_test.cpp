// What a name or a descriptor means is swapped while the call is on its way.
#include <tuple>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

class RaceNames : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

TEST_P(RaceNames, HarmNothingForeign) {
  const auto [kind, who] = GetParam();
  const auto attack = [kind = std::string(kind)](const char* seconds) {
    return std::vector<std::string>{"./victim", "swap", kind, "keep", seconds};
  };
  {
    World world(who);
    const auto before = world.look();
    for (int i = 0; i < 40 && damage(before).empty(); ++i) world.run(attack("0.1"));
    ASSERT_NE(damage(before), "") << "the control did no damage: this test proves nothing";
  }
  World world(who);
  const auto before = world.look();
  const auto outcome = world.run_inside(attack("1"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(damage(before), "") << outcome.out;
  EXPECT_GT(number(outcome.out, "went"), 0) << outcome.out << outcome.err.substr(0, 1000);
  EXPECT_GT(number(outcome.out, "refused"), 0) << outcome.out;
  EXPECT_GT(number(outcome.out, "swapped"), 0) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, RaceNames,
                         ::testing::Combine(::testing::Values("parent", "cwd", "dirfd", "fd"),
                                            ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param)) + "_" + name(std::get<1>(each.param));
                         });

}  // namespace
}  // namespace assent::run_test
