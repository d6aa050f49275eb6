// What is in the way of something that comes back: another file by a rename over it, or a folder of the agent's own.
#include "support/undo_fixture.h"

namespace assent::test {
namespace {

class UndoWay : public UndoTest {
 protected:
  void make_folder(const std::string& path) {
    ASSERT_EQ(0, ::mkdir(path.c_str(), 0755));
    own.insert(id_at(path));
  }
  void make_file(const std::string& path, const std::string& content) {
    write_file(path, content);
    own.insert(id_at(path));
  }
};

TEST_F(UndoWay, OneFileRenamedOverAnotherBothComeBack) {
  write_file(project + "/a", "the one");
  write_file(project + "/b", "the other");
  write_file(project + "/c", "the third");
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  agent->rename(project + "/a", project + "/b");
  agent->rename(project + "/b", project + "/c");
  agent->end();
  const auto after = tree(project, Times::NoFolders);
  auto options = restore_options();
  options.dry_run = undo::DryRun::Yes;
  EXPECT_EQ("", problems(undo(options)));
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project, Times::NoFolders));
  EXPECT_EQ("", problems(undo("undo-2")));
  EXPECT_EQ(after, tree(project, Times::NoFolders));
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project, Times::NoFolders));
}

TEST_F(UndoWay, WhoNamesTheRenamedFileGetsTheReplacedOneToo) {
  write_file(project + "/a", "the one");
  write_file(project + "/b", "the other");
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  agent->rename(project + "/a", project + "/b");
  agent->end();
  auto options = restore_options();
  options.wanted.paths = {project + "/a"};
  EXPECT_EQ("", problems(undo(options)));
  EXPECT_EQ(before, tree(project, Times::NoFolders));
}

TEST_F(UndoWay, TheAgentsOwnFolderGivesWayWithAllInItAndRedoBringsItBack) {
  write_file(project + "/a", "mine");
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  agent->remove(project + "/a");
  agent->end();
  make_folder(project + "/a");
  make_folder(project + "/a/deep");
  make_file(project + "/a/deep/b", "the agent's");
  for (const char* name : {"/a/deep/b", "/a/deep", "/a"}) age(project + name, 1);
  const auto after = tree(project, Times::NoFolders);
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project, Times::NoFolders));
  EXPECT_EQ("", problems(undo("undo-1")));
  EXPECT_EQ(after, tree(project, Times::NoFolders));
}

TEST_F(UndoWay, AFolderOfTheAgentsWithSomebodyElsesFileInItStaysWhole) {
  write_file(project + "/a", "mine");
  auto agent = this->agent();
  agent->remove(project + "/a");
  agent->end();
  make_folder(project + "/a");
  make_file(project + "/a/b", "the agent's");
  age(project + "/a/b", 1);
  write_file(project + "/a/c", "a human's");
  const auto restored = undo();
  EXPECT_EQ(1U, restored.conflicts);
  EXPECT_NE(std::string::npos, problems(restored).find("/a/c in it is not the agent's")) << problems(restored);
  EXPECT_TRUE(exists(project + "/a/b"));
  EXPECT_EQ("a human's", read_file(project + "/a/c"));
}

TEST_F(UndoWay, AFolderMadeAnewByTheAgentBecomesTheOldOneAgain) {
  ASSERT_EQ(0, ::mkdir((project + "/d").c_str(), 0750));
  write_file(project + "/d/a", "mine");
  ::setxattr((project + "/d").c_str(), "user.k", "v", 1, 0);
  age(project + "/d", 5);
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  agent->remove_tree(project + "/d");
  agent->end();
  make_folder(project + "/d");
  make_file(project + "/d/own", "the agent's");
  age(project + "/d/own", 1);
  EXPECT_EQ("", problems(undo()));
  auto now = tree(project, Times::NoFolders);
  EXPECT_EQ(1U, now.erase("/d/own"));
  EXPECT_EQ(before, now);
  EXPECT_EQ("", problems(undo("undo-1")));
  EXPECT_FALSE(exists(project + "/d/a"));
  EXPECT_TRUE(exists(project + "/d/own"));
}

TEST_F(UndoWay, RightsTakenAwayFromAWholeTreeAreGivenBackAndADryRunForeseesIt) {
  std::filesystem::create_directories(project + "/d/e");
  write_file(project + "/d/e/a", "mine");
  ::setxattr((project + "/d/e/a").c_str(), "user.k", "v", 1, 0);
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  for (const char* name : {"/d/e/a", "/d/e", "/d"}) agent->change_mode(project + name, 0);
  agent->end();
  auto options = restore_options();
  options.dry_run = undo::DryRun::Yes;
  const auto planned = undo(options);
  EXPECT_EQ("", problems(planned));
  EXPECT_EQ(3U, planned.restored);
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project, Times::NoFolders));
}

TEST_F(UndoWay, AFileThatNobodyMayReadIsKeptDrilledAndRestored) {
  write_file(project + "/a", "mine");
  ::setxattr((project + "/a").c_str(), "user.k", "v", 1, 0);
  ASSERT_EQ(0, ::chmod((project + "/a").c_str(), 0));
  const FileId id = id_at(project + "/a");
  auto agent = this->agent();
  agent->remove(project + "/a");
  agent->end();
  ASSERT_EQ(0, ::mkdir((scratch / "drill").c_str(), 0700));
  const auto drill = undo::drill(vault, "s1", scratch / "drill");
  ASSERT_TRUE(drill);
  EXPECT_EQ(1U, drill->good);
  EXPECT_EQ(0U, drill->bad);
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(id, id_at(project + "/a"));
  struct stat st {};
  ASSERT_EQ(0, ::stat((project + "/a").c_str(), &st));
  EXPECT_EQ(0U, st.st_mode & 07777);
}

TEST_F(UndoWay, AnUndoWithNothingToDoLeavesNoTrace) {
  write_file(project + "/a", "mine");
  auto agent = this->agent();
  agent->remove(project + "/a");
  agent->end();
  undo();
  undo();
  EXPECT_TRUE(exists(vault + "/undo-1"));
  EXPECT_FALSE(exists(vault + "/undo-2"));
}

}  // namespace
}  // namespace assent::test
