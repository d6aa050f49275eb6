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

TEST(RadiusRoot, IsWhatAScriptOnTheCommandLineNames) {
  const TreeHints hints{"/home/u/project", {}, {}};
  const auto python = command({"python3", "-c", "import shutil; shutil.rmtree('data')"});
  EXPECT_EQ(radius_root(python, "/home/u/project/data/raw/a", hints), "/home/u/project/data");
  // Never all of the project, and nothing outside it.
  const auto wide = command({"python3", "-c", "rmtree('/'); rmtree('.'); rmtree('..'); rmtree('/home')"});
  EXPECT_EQ(radius_root(wide, "/home/u/project/data/raw/a", hints), "/home/u/project/data/raw/a");
}

TEST(RadiusRoot, IsTheFolderHeldOpen) {
  const TreeHints hints{"/home/u/project", {"/home/u/project/data", "/home/u/project/data/raw", "/", "/home/u"}, {}};
  EXPECT_EQ(radius_root(command({"./clean"}), "/home/u/project/data/raw/a", hints), "/home/u/project/data");
  EXPECT_EQ(radius_root(command({"./clean"}), "/home/u/other/a", hints), "/home/u/other/a");
}

TEST(RadiusRoot, IsTheWorkingDirectoryOfGitClean) {
  const TreeHints hints{"/home/u/project", {}, {}};
  EXPECT_EQ(radius_root(command({"/usr/bin/git", "clean", "-fdx"}), "/home/u/project/a", hints), "/home/u/project");
  EXPECT_EQ(radius_root(command({"git", "checkout", "x"}), "/home/u/project/a", hints), "/home/u/project/a");
}

TEST(RadiusRoot, IsTheRepositoryForWhatGitRemovesOfItsOwn) {
  const TreeHints hints{"/home/u/project", {}, {}};
  const auto git = command({"git", "branch", "-D", "x"});
  EXPECT_EQ(radius_root(git, "/home/u/project/.git/refs/heads/x", hints), "/home/u/project/.git");
  EXPECT_EQ(radius_root(git, "/home/u/other/.git/refs/heads/x", hints), "/home/u/other/.git/refs/heads/x");
}

TEST(RadiusRoot, GrowsToWhatTwoQuestionsOfOneCommandHaveInCommon) {
  const TreeHints hints{"/home/u/project", {}, "/home/u/project/data/raw/a"};
  EXPECT_EQ(radius_root(command({"node", "c.js"}), "/home/u/project/data/b", hints), "/home/u/project/data");
  EXPECT_EQ(radius_root(command({"node", "c.js"}), "/home/u/project/x", hints), "/home/u/project");
  EXPECT_EQ(radius_root(command({"node", "c.js"}), "/home/u/x", hints), "/home/u/x") << "not beyond the project";
}

TEST(RadiusRoot, TakesNoOptionForAnOperand) {
  EXPECT_EQ(radius_root(command({"rm", "-rf/", "a"}), "/home/u/project/b"), "/home/u/project/b");
}

}  // namespace
}  // namespace assent::session
