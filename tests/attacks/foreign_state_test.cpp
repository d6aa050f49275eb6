// Another user of the machine: what lies in a state folder says what is renamed, restored and removed, and whoever runs
// a verb on somebody else's (sudo that keeps HOME) would do it for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;

class ForeignState : public testing::Test {
 protected:
  void SetUp() override {
    if (everyone().size() < 2) GTEST_SKIP() << "needs root and the user tester";
  }
  // As root, with the home of the other.
  static Outcome as_root(const World& world, std::vector<std::string> words) {
    const World root;
    std::vector<std::string> argv{"env", "HOME=" + world.home, "XDG_STATE_HOME=" + world.state, assent_binary()};
    argv.insert(argv.end(), words.begin(), words.end());
    return root.run(argv);
  }
};

TEST_F(ForeignState, SaysNothingToRoot) {
  World world(Who::Ordinary);
  world.profile_file = world.home + "/all.toml";
  put(world.profile_file,
      "version = 1\nname = \"all\"\nextends = [\"default\"]\n[[file]]\nops = [\"delete\"]\npaths = "
      "[\"${PROJECT}/**\"]\n"
      "action = \"allow\"\n");
  world.give();
  ASSERT_EQ(world.shell_inside("rm victim1").status, 0);
  ASSERT_FALSE(there(world.project + "/victim1"));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"undo"},
                                                {"undo", "--dry-run"},
                                                {"redo"},
                                                {"vault", "ls"},
                                                {"vault", "prune"},
                                                {"vault", "drill"},
                                                {"run", "--headless", "--", "true"}}) {
    const auto outcome = as_root(world, words);
    EXPECT_NE(outcome.status, 0) << words[0] << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr("belongs to")) << words[0];
  }
  EXPECT_FALSE(there(world.project + "/victim1"));
  EXPECT_EQ(world.assent({"undo"}).status, 0) << "the control: whose it is";
  EXPECT_TRUE(there(world.project + "/victim1"));
}

}  // namespace
}  // namespace assent::run_test
