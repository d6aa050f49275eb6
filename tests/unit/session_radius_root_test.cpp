#include "session/radius_root.h"

#include <gtest/gtest.h>

namespace assent::session {
namespace {

Process command(std::vector<std::string> argv) {
  Process process;
  process.argv = std::move(argv);
  process.cwd = "/home/u/project";
  return process;
}

TEST(RadiusRoot, IsTheOperandThatHoldsTheObject) {
  const auto rm = command({"rm", "-rf", "tests/", "./plan", "/home/u/"});
  EXPECT_EQ(radius_root(rm, "/home/u/Documents/a.txt"), "/home/u");
  const auto two = command({"rm", "-rf", "tests/", "../other//x/.."});
  EXPECT_EQ(radius_root(two, "/home/u/project/tests/deep/a.c"), "/home/u/project/tests");
  EXPECT_EQ(radius_root(two, "/home/u/other/b"), "/home/u/other");
}

TEST(RadiusRoot, IsTheWidestOfSeveral) {
  EXPECT_EQ(radius_root(command({"rm", "tests/a", "tests"}), "/home/u/project/tests/a"), "/home/u/project/tests");
}

TEST(RadiusRoot, IsTheObjectItselfWhereNoOperandHoldsIt) {
  EXPECT_EQ(radius_root(command({"python3", "clean.py"}), "/home/u/project/tests/a.c"), "/home/u/project/tests/a.c");
  EXPECT_EQ(radius_root(command({}), "/home/u/x"), "/home/u/x");
  // By components: "/home/u/project/test" is no folder of "tests".
  EXPECT_EQ(radius_root(command({"rm", "test"}), "/home/u/project/tests/a.c"), "/home/u/project/tests/a.c");
}

TEST(RadiusRoot, TakesNoOptionForAnOperand) {
  EXPECT_EQ(radius_root(command({"rm", "-rf/", "a"}), "/home/u/project/b"), "/home/u/project/b");
}

}  // namespace
}  // namespace assent::session
