// What the vault cannot keep, asked of a person: the question says so, wants words typed, and a yes is for that act.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using Daemon = DaemonWorld::Daemon;

class AskedAboutTheVault : public AsEveryone {
 protected:
  AskedAboutTheVault() : world_(GetParam(), Daemon::OfUser) {
    put(world_.project + "/large", std::string(128 << 10, 'L'));
    put(world_.home + "/small-vault.toml",
        "version = 1\nname = \"small-vault\"\nextends = [\"default\"]\n[vault]\nmax_file = \"64K\"\n[[file]]\nops = "
        "[\"delete\", \"modify\", \"truncate\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n");
    world_.give();
  }
  Outcome session(const std::string& script, const std::function<void(pid_t)>& people) const {
    return world_.session(script, people, {"-p", world_.home + "/small-vault.toml"});
  }
  [[nodiscard]] std::string large() const { return world_.project + "/large"; }

  DaemonWorld world_;
};
INSTANTIATE_TEST_SUITE_P(Users, AskedAboutTheVault, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(AskedAboutTheVault, WhatCannotBeUndoneIsAQuestionThatSaysSoAndWantsWordsTyped) {
  const auto outcome = session("rm large; rm victim1", [&](pid_t) {
    const auto waiting = world_.pending();
    ASSERT_EQ(waiting.size(), 1U) << "victim1 is kept, so nobody is asked about it";
    EXPECT_THAT(waiting[0].dump(), HasSubstr("larger than vault.max_file"));
    ASSERT_TRUE(waiting[0].contains("confirm"));
    const std::string id = waiting[0]["id"];
    EXPECT_NE(world_.assent({"approve", id}).status, 0) << "without the words typed it is no yes";
    EXPECT_TRUE(there(large()));
    const auto said = world_.assent(DaemonWorld::yes_to(waiting[0]));
    EXPECT_EQ(said.status, 0) << said.err;
  });
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_FALSE(there(large()));
  EXPECT_FALSE(there(world_.project + "/victim1"));
  EXPECT_EQ(world_.assent({"undo", "last"}).status, 0);
  EXPECT_TRUE(there(world_.project + "/victim1")) << "what was kept comes back";
  EXPECT_FALSE(there(large())) << "and what a person gave up does not";
}

TEST_P(AskedAboutTheVault, ANoLeavesItWhereItIs) {
  const auto outcome = session("rm large; echo $?", [&](pid_t) {
    EXPECT_EQ(world_.assent({"deny", world_.pending().at(0)["id"]}).status, 0);
  });
  EXPECT_THAT(outcome.out, HasSubstr("1"));
  EXPECT_EQ(get(large()).size(), std::size_t{128} << 10);
}

TEST_P(AskedAboutTheVault, AYesForOneActIsNoneForTheNext) {
  put(world_.project + "/large2", std::string(128 << 10, 'M'));
  world_.give();
  session("rm large; rm large2; true", [&](pid_t) {
    const auto first = world_.pending().at(0);
    EXPECT_EQ(world_.assent(DaemonWorld::yes_to(first)).status, 0);
    for (int i = 0; i < 200; ++i) {
      const auto next = world_.pending();
      ASSERT_FALSE(next.empty());
      if (next[0]["id"] == first["id"]) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      EXPECT_EQ(next[0]["object"], world_.project + "/large2");
      EXPECT_EQ(world_.assent({"deny", next[0]["id"]}).status, 0);
      break;
    }
  });
  EXPECT_FALSE(there(large()));
  EXPECT_TRUE(there(world_.project + "/large2"));
}

}  // namespace
}  // namespace assent::run_test
