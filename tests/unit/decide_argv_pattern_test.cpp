#include "decide/argv_pattern.h"

#include <gtest/gtest.h>

namespace assent::decide {
namespace {

bool matches(const std::vector<std::string>& rule, const std::vector<std::string>& argv, Verdict action = Verdict::Ask,
             std::string path = {}) {
  ArgvPattern pattern;
  for (const auto& word : rule) EXPECT_TRUE(pattern.add(word)) << word;
  return pattern.matches({path.empty() ? "/usr/bin/" + argv.front() : path, argv}, action);
}

TEST(ArgvPattern, WordsStandInOrderAndFlagsMayStandBetween) {
  EXPECT_TRUE(matches({"terraform", "destroy|apply"}, {"terraform", "destroy"}));
  EXPECT_TRUE(matches({"terraform", "destroy|apply"}, {"terraform", "-chdir=x", "apply", "-auto-approve"}));
  EXPECT_FALSE(matches({"terraform", "destroy|apply"}, {"terraform", "plan"}));
  EXPECT_FALSE(matches({"terraform", "destroy|apply"}, {"terraform", "plan", "destroy"}));
  EXPECT_FALSE(matches({"terraform", "destroy|apply"}, {"terraform"}));
  EXPECT_TRUE(matches({"kubectl", "delete", "ns"}, {"kubectl", "delete", "--now", "ns", "prod"}));
}

TEST(ArgvPattern, AFlagsValueIsPassedOverOnlyByARuleThatHoldsBack) {
  EXPECT_TRUE(matches({"git", "push"}, {"git", "-C", "/x", "push"}, Verdict::Ask));
  EXPECT_TRUE(matches({"git", "push"}, {"git", "-C", "/x", "push"}, Verdict::Deny));
  EXPECT_FALSE(matches({"git", "push"}, {"git", "-C", "/x", "push"}, Verdict::Allow));
  EXPECT_TRUE(matches({"git", "push"}, {"git", "-q", "push"}, Verdict::Allow));
}

TEST(ArgvPattern, AFlagOfTheRuleMayStandAnywhere) {
  EXPECT_TRUE(matches({"git", "push", "--force*"}, {"git", "push", "origin", "main", "--force-with-lease"}));
  EXPECT_FALSE(matches({"git", "push", "--force*"}, {"git", "push", "origin", "main"}));
  EXPECT_TRUE(matches({"rm", "-*r*"}, {"rm", "-fr", "x"}));
}

TEST(ArgvPattern, TheProgramIsKnownByItsNameOrItsPath) {
  EXPECT_TRUE(matches({"psql"}, {"/usr/lib/postgresql/15/bin/psql", "-c", "x"}));
  EXPECT_TRUE(matches({"rm"}, {"harmless", "x"}, Verdict::Ask, "/usr/bin/rm"));
  EXPECT_TRUE(matches({"/opt/*/deploy"}, {"deploy"}, Verdict::Ask, "/opt/tools/deploy"));
  EXPECT_FALSE(matches({"/opt/*/deploy"}, {"deploy"}, Verdict::Ask, "/usr/bin/deploy"));
}

TEST(ArgvPattern, ALongCommandLineIsNoTrouble) {
  std::vector<std::string> argv{"x"};
  for (int i = 0; i < 20000; ++i) argv.emplace_back(i % 2 != 0 ? "-a" : "b");
  EXPECT_FALSE(matches({"x", "b", "b", "b", "c"}, argv));
}

}  // namespace
}  // namespace assent::decide
