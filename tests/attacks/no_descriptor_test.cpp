// A call that cannot succeed, because its caller has no descriptor left, changes nothing, and the record does not say
// that it did nothing where it did something.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class NoDescriptor : public AsEveryone {};

TEST_P(NoDescriptor, LeftToTheCallerCutsNothing) {
  World world(GetParam());
  put(world.root + "/leave.toml",
      "version = 1\nname = \"leave\"\nextends = [\"default\"]\n[[file]]\nops = [\"truncate\", \"modify\"]\npaths = "
      "[\"${PROJECT}/**\"]\naction = \"allow\"\n");
  put(world.project + "/notes", "here before the agent\n");
  world.give();
  const std::vector<std::string> argv{"./victim", "reuse", "cut", ".", "0"};
  const auto control = world.run(argv);
  EXPECT_EQ(said(control.out, "cut-notes"), "EMFILE") << control.out << control.err;
  EXPECT_EQ(said(control.out, "cut-own"), "EMFILE") << control.out;
  EXPECT_EQ(number(control.out, "own"), 4) << control.out;
  EXPECT_EQ(get(world.project + "/notes"), "here before the agent\n");
  const auto outcome = world.run(world.inside(argv, {"-p", world.root + "/leave.toml"}));
  EXPECT_EQ(said(outcome.out, "cut-notes"), "EMFILE") << outcome.out << outcome.err;
  EXPECT_EQ(said(outcome.out, "cut-own"), "EMFILE") << outcome.out;
  EXPECT_EQ(number(outcome.out, "own"), 4) << outcome.out;
  EXPECT_EQ(get(world.project + "/notes"), "here before the agent\n");
  // One number below the limit is free, though as many are open as the limit allows.
  EXPECT_EQ(said(outcome.out, "cut-into-a-gap"), "ok") << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, NoDescriptor, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
