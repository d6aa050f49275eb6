// July 2025: during a code freeze, told so in words again and again, an agent deleted a production database and then
// invented data in its place. Replayed: the freeze is not a sentence in a prompt but a denial in the kernel's answer,
// and nobody's approval, nor the agent's own, gets past it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;

class CodeFreeze : public AsEveryone {};
INSTANTIATE_TEST_SUITE_P(Users, CodeFreeze, ::testing::ValuesIn(everyone()), kEveryone);

constexpr const char* kAgent =
    "rm production.db; true >production.db; mv production.db old.db; rm -f production.db-wal; truncate -s 0 "
    "production.db; "
    "ln production.db alias.db && echo wiped >alias.db; echo 'made up' >customers.csv; true";

TEST_P(CodeFreeze, TheDatabaseIsThereAfterwards) {
  DaemonWorld world(GetParam(), DaemonWorld::Daemon::OfUser);
  put(world.project + "/production.db", "1,206 executives, 1,196 companies\n");
  put(world.project + "/production.db-wal", "journal\n");
  world.give();
  const auto before = world.look();

  ASSERT_EQ(world.assent({"freeze", world.project}).status, 0);
  const auto outcome = world.session(kAgent, [](pid_t) {});
  EXPECT_EQ(damage(before), "") << outcome.err;
  EXPECT_FALSE(there(world.project + "/customers.csv"));
  EXPECT_FALSE(there(world.project + "/alias.db"));
  EXPECT_THAT(outcome.err, HasSubstr("is frozen since"));
  EXPECT_THAT(world.assent({"log", "--json", "last"}).out, HasSubstr("\"rule\":\"freeze\""));

  // The control: without the freeze, and with a human who says yes, the same script does the damage.
  ASSERT_EQ(world.assent({"thaw", world.project}).status, 0);
  bool ended = false;
  (void)world.session(kAgent,
                      [&](pid_t) {
                        for (int i = 0; i < 40 && !ended; ++i) {
                          const auto waiting = world.pending(world.session_uid(), false);
                          for (const auto& one : waiting) world.assent(DaemonWorld::yes_to(one));
                          if (there(world.project + "/customers.csv")) ended = true;
                          std::this_thread::sleep_for(std::chrono::milliseconds(50));
                        }
                      },
                      {"--timeout", "5s"});
  EXPECT_NE(damage(before), "");
}

}  // namespace
}  // namespace assent::run_test
