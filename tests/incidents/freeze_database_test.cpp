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

TEST_P(CodeFreeze, NeitherAYesNorANewDaemonNorAnOptionPassesIt) {
  DaemonWorld world(GetParam(), DaemonWorld::Daemon::OfUser);
  put(world.project + "/production.db", "1,206 executives, 1,196 companies\n");
  world.give();
  const auto before = fingerprint_of(world.project + "/production.db");
  const std::string go = world.project + "/keep/go";
  const auto outcome = world.session(
      "rm production.db; while [ ! -e keep/go ]; do sleep 0.05; done; rm production.db; true >production.db; echo "
      "tried",
      [&](pid_t) {
        const auto waiting = world.pending();
        ASSERT_EQ(waiting.size(), 1u) << "asked, before the freeze";
        ASSERT_EQ(world.assent({"freeze", world.project}).status, 0);
        (void)world.assent(DaemonWorld::yes_to(waiting[0], {"--scope", "session"}));  // taken or not, it is too late
        world.stop_daemon(SIGKILL);
        world.start_daemon();
        put(go, "");
        for (int i = 0; i < 20; ++i) {
          EXPECT_TRUE(world.pending(world.session_uid(), false).empty()) << "nobody is even asked";
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      });
  EXPECT_THAT(outcome.out, HasSubstr("tried")) << outcome.err;
  EXPECT_EQ(fingerprint_of(world.project + "/production.db"), before);
  // A session of its own, with everything allowed that can be allowed.
  put(world.home + "/all.toml",
      "version = 1\nname = \"all\"\nextends = [\"default\"]\n[[file]]\nops = [\"modify\", \"truncate\", \"rename\", "
      "\"delete\", \"metadata\", \"create\"]\npaths = [\"/**\"]\naction = \"allow\"\n");
  world.give();
  const std::vector<std::string> all{assent_binary(), "run", "-p", world.home + "/all.toml", "--mode", "live", "--ask",
                                     "none",          "--",  "rm", "production.db"};
  EXPECT_NE(world.run(all).status, 0);
  EXPECT_EQ(fingerprint_of(world.project + "/production.db"), before);
  ASSERT_EQ(world.assent({"thaw", world.project}).status, 0);
  EXPECT_EQ(world.run(all).status, 0) << "the control: thawed, it goes through";
  EXPECT_FALSE(there(world.project + "/production.db"));
}

TEST(CodeFreezeOfTheMachine, HoldsForEveryUserAndNoneOfThemThawsIt) {
  if (::geteuid() != 0 || everyone().size() < 2) GTEST_SKIP() << "needs root and the user tester";
  const bool had_folder = there("/etc/assent");
  DaemonWorld world(Who::Ordinary, DaemonWorld::Daemon::OfUser);
  const World root;  // calls assent as root
  const std::string rm = "rm victim1";
  ASSERT_EQ(root.assent({"freeze", "--system", world.project}).status, 0);
  (void)world.session(rm, [&](pid_t) { EXPECT_TRUE(world.pending(world.session_uid(), false).empty()); });
  EXPECT_TRUE(there(world.project + "/victim1"));
  EXPECT_NE(world.assent({"thaw", "--system", world.project}).status, 0) << "not the user's to end";
  EXPECT_NE(world.assent({"thaw", world.project}).status, 0);
  (void)world.session(rm, [](pid_t) {});
  EXPECT_TRUE(there(world.project + "/victim1"));
  EXPECT_THAT(world.assent({"freeze", "--list"}).out, HasSubstr(world.project));
  EXPECT_EQ(root.assent({"thaw", "--system", world.project}).status, 0);
  (void)world.session(rm, [&](pid_t) { world.assent(DaemonWorld::yes_to(world.pending().at(0))); });
  EXPECT_FALSE(there(world.project + "/victim1")) << "the control";
  if (!had_folder) {
    std::error_code ignored;
    fs::remove_all("/etc/assent", ignored);
  }
}

}  // namespace
}  // namespace assent::run_test
