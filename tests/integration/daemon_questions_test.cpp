// Few questions: scripted agent sessions, in small (scripts/bench questions runs all of them).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;

Outcome sessions(const World& world, const std::vector<std::string>& more) {
  std::vector<std::string> argv{"python3",   std::string(ASSENT_SOURCE_DIR) + "/tests/bench/agent_sessions.py",
                                "--assent",  assent_binary(),
                                "--assentd", ASSENTD_BINARY};
  argv.insert(argv.end(), more.begin(), more.end());
  return world.run(argv);
}

class FewQuestions : public AsEveryone {};
INSTANTIATE_TEST_SUITE_P(Users, FewQuestions, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(FewQuestions, HarmlessWorkAsksNothingADestructiveCommandOnceAndNothingIsLost) {
  const World world(GetParam());
  const auto outcome = sessions(world, {"--small"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("harmless work 0"));
}

TEST(FewQuestionsControl, AProfileThatAsksTooMuchIsFoundOut) {
  World world;
  put(world.home + "/loud.toml",
      "version = 1\nname = \"loud\"\nextends = [\"default\"]\n[[file]]\nops = [\"modify\", \"truncate\"]\npaths = "
      "[\"${PROJECT}/**\"]\naction = \"ask\"\n");
  const auto outcome = sessions(world, {"--only", "edit by a script", "--profile", world.home + "/loud.toml"});
  EXPECT_EQ(outcome.status, 1) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("MISSED"));
}

}  // namespace
}  // namespace assent::run_test
