// What the agent holds in its hands cannot keep the supervisor waiting: every other call is still answered. Each
// control shows that the trap works, on whoever walks into it.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

std::vector<std::string> stall(const World& world, const std::string& how) {
  // Long, so that what is said of a denial is long too.
  const std::string file = world.project + "/" + std::string(200, 'n') + "/" + std::string(200, 'm');
  put(file, "here before the agent\n");
  world.give();
  return {"./victim", "stall", how, file};
}

class Stalls : public AsEveryone {};

TEST_P(Stalls, ATerminalThatNobodyReadsHoldsUpNobody) {
  World control(GetParam());
  auto alone = stall(control, "terminal");
  alone.emplace_back("self");
  ASSERT_EQ(number(control.run(alone).out, "stuck"), 1) << "the trap does not work: this test proves nothing";
  World world(GetParam());
  const auto outcome = world.run_inside(stall(world, "terminal"));
  EXPECT_EQ(number(outcome.out, "others"), 1) << outcome.out;
  EXPECT_EQ(number(outcome.out, "stuck"), -1) << outcome.out;
  EXPECT_EQ(said(outcome.out, "delete"), "EPERM") << outcome.out;
}

TEST_P(Stalls, ALeaseHoldsUpNobody) {
  {
    World world(GetParam());
    const auto outcome = world.run(stall(world, "lease"));
    ASSERT_EQ(number(outcome.out, "waited"), 1) << "nobody waits for a lease: this test proves nothing\n"
                                                << outcome.out;
  }
  // None is to be had inside; what a lease of the host's does to the supervisor is broker_open_test's.
  World world(GetParam());
  const auto outcome = world.run_inside(stall(world, "lease"));
  EXPECT_EQ(said(outcome.out, "lease"), "EACCES") << outcome.out;
}

TEST_P(Stalls, ASocketThatStartsToWaitHoldsUpNobody) {
  World world(GetParam());
  const auto outcome = world.run_inside(stall(world, "connect"));
  EXPECT_EQ(number(outcome.out, "waits"), 1) << outcome.out;
  EXPECT_EQ(number(outcome.out, "others"), 1) << outcome.out;
}

// A race, so where it is lost nothing is shown; the watchdog's own test is session_watchdog_test.
TEST_P(Stalls, ASocketThatLingersHoldsUpNobody) {
  World control(GetParam());
  auto alone = stall(control, "linger");
  alone.emplace_back("self");
  ASSERT_EQ(number(control.run(alone).out, "stuck"), 1) << "closing does not wait: this test proves nothing";
  World world(GetParam());
  const auto outcome = world.run_inside(stall(world, "linger"));
  EXPECT_EQ(number(outcome.out, "others"), 1) << outcome.out;
  EXPECT_GT(number(outcome.out, "rounds"), 0) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, Stalls, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
