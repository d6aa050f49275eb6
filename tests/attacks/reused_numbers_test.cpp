// An inode number that was the session's own is given out again to a file of the user's, which stays the user's.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class ReusedNumbers : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

TEST_P(ReusedNumbers, DoNotMakeAUsersFileTheSessionsOwn) {
  const auto [how, who] = GetParam();
  constexpr int kFiles = 400;
  const auto attack = [how = std::string(how)](const World& world, bool inside, int milliseconds) {
    fs::create_directories(world.project + "/inbox");
    world.give();
    const std::vector<std::string> argv{"./victim", "reuse", how, "inbox", std::to_string(milliseconds / 1000.0)};
    return world.run(inside ? world.inside(argv) : argv, {}, [&](pid_t) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
      for (int i = 0; i < kFiles && std::chrono::steady_clock::now() < end; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        put(world.project + "/inbox/user-" + std::to_string(i), "the user's");
      }
    });
  };
  {
    World world(who);
    const auto outcome = attack(world, false, 300);
    ASSERT_GT(number(outcome.out, "removed"), 0) << "the control did no damage: this test proves nothing";
  }
  World world(who);
  const auto outcome = attack(world, true, 1500);
  EXPECT_GT(number(outcome.out, "made"), 0) << outcome.out << outcome.err.substr(0, 1000);
  EXPECT_GT(number(outcome.out, "refused"), 0) << outcome.out << outcome.err.substr(0, 1000);
  EXPECT_EQ(number(outcome.out, "removed"), 0) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, ReusedNumbers,
                         ::testing::Combine(::testing::Values("tmpfile", "full"), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param)) + "_" + name(std::get<1>(each.param));
                         });

}  // namespace
}  // namespace assent::run_test
