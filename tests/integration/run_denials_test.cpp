// A denial reaches the agent as an errno, a line on standard error, and a record in $ASSENT_DENIALS (cli.md).
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class RunDenials : public AsEveryone {};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_P(RunDenials, AreOneLineAProcessAndRule) {
  World world(GetParam());
  const auto outcome = world.shell_inside("rm -rf keep victim1");  // three denials of one process, by one rule
  EXPECT_EQ(count(outcome.err, "assent: denied delete"), 1U) << outcome.err;
  EXPECT_NE(outcome.err.find("see $ASSENT_DENIALS"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("default.toml:"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("Operation not permitted"), std::string::npos) << outcome.err;
  const auto twice = world.shell_inside("rm -f victim1; rm -f victim1");
  EXPECT_EQ(count(twice.err, "assent: denied delete"), 2U) << twice.err;
}

TEST_P(RunDenials, AreToldInAFileInside) {
  World world(GetParam());
  const auto outcome = world.shell_inside(
      "rm -rf keep victim1 2>/dev/null; mv victim1 x 2>/dev/null; cat $ASSENT_DENIALS; (echo forged >>$ASSENT_DENIALS) "
      "2>/dev/null && echo WRITTEN; rm -f $ASSENT_DENIALS 2>/dev/null && echo GONE");
  EXPECT_EQ(count(outcome.out, "\n"), 4U) << outcome.out;
  for (const char* part : {"keep/f", "keep/g", "victim1", "\"delete\"", "\"rename\"", "default.toml", "\"rule\"",
                           "\"reason\"", "\"suggestion\""}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\n" << outcome.out;
  }
  EXPECT_EQ(outcome.out.find("WRITTEN"), std::string::npos);
  EXPECT_EQ(outcome.out.find("GONE"), std::string::npos);
}

TEST_P(RunDenials, AreInTheRecordWithWhoAndWhat) {
  World world(GetParam());
  world.shell_inside("rm -f victim1; echo x >own; rm own");
  const auto log = world.assent({"log", "last"});
  EXPECT_EQ(log.status, 0);
  EXPECT_NE(log.out.find("denied  delete victim1"), std::string::npos) << log.out;
  EXPECT_NE(log.out.find("allowed create"), std::string::npos) << log.out;
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
  const auto json = world.assent({"log", "--json", "last"});
  EXPECT_EQ(json.status, 0) << json.err;
  EXPECT_NE(json.out.find("victim1"), std::string::npos) << json.out;
}

TEST_P(RunDenials, DoNotStopOnAClosedOrFullStandardError) {
  World world(GetParam());
  // A pipe that nobody empties, filled to the brim, and then a denial.
  const auto outcome = world.shell_inside(
      "mkfifo p; (exec 3<>p; dd if=/dev/zero bs=4096 count=16 2>/dev/null >&3; ./victim act remove victim1 2>&3; echo "
      "after-full); rm -f victim1 2>&-; echo after-closed; rm p");
  EXPECT_NE(outcome.out.find("after-full"), std::string::npos) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("after-closed"), std::string::npos) << outcome.out << outcome.err;
  EXPECT_TRUE(there(world.project + "/victim1"));
}

INSTANTIATE_TEST_SUITE_P(Each, RunDenials, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
