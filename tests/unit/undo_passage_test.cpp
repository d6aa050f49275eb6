// Things from before that went through folders, names and places of the agent's: they come back the same way.
#include "support/undo_fixture.h"

namespace assent::test {
namespace {

using undo::Done;

class UndoPassage : public UndoTest {
 protected:
  void SetUp() override { begin(); }
  void begin() {
    std::filesystem::remove_all(project);
    std::filesystem::remove_all(scratch / "state");
    own.clear();
    std::filesystem::create_directories(project + "/d/deep");
    for (const char* name : {"/f", "/g", "/d/x", "/d/deep/y"}) {
      write_file(project + name, std::string("of before: ") + name);
      age(project + name, name[1]);
    }
    ::chmod((project + "/d/deep").c_str(), 0751);
    age(project + "/d/deep", 7);
    age(project + "/d", 8);
    age(project, 9);
    before = tree(project);
  }
  // And a dry run says the same beforehand, a redo and another undo do what they should.
  void expect_the_way_back() {
    const auto destroyed = tree(project);
    ASSERT_NE(destroyed, before);
    auto planned = restore_options();
    planned.dry_run = undo::DryRun::Yes;
    EXPECT_EQ(problems(undo(planned)), "") << "the dry run";
    EXPECT_EQ(tree(project), destroyed) << "the dry run";
    const auto first = restore_options();
    EXPECT_EQ(problems(undo(first)), "");
    EXPECT_EQ(tree(project), before);
    EXPECT_EQ(problems(undo(restore_options(first.new_transaction, "redo-1"))), "");
    EXPECT_EQ(tree(project, Times::NoFolders), without_folder_times(destroyed));
    std::uint64_t done_last = 1;
    for (const char* what : {"the session once more", "what was done already"}) {
      const auto again = undo();
      EXPECT_EQ(problems(again), "") << what;
      EXPECT_EQ(tree(project), before) << what;
      done_last = again.restored;
    }
    EXPECT_EQ(done_last, 0U);
  }
  std::map<std::string, std::string> without_folder_times(std::map<std::string, std::string> portrait) {
    std::map<std::string, std::string> now = tree(project, Times::NoFolders);
    for (auto& [path, text] : portrait) {
      if (std::filesystem::is_directory(project + path)) text = now[path];
    }
    return portrait;
  }

  std::map<std::string, std::string> before;
};

TEST_F(UndoPassage, WhatWentIntoANewFolderThatWasRemovedComesBackAndTheFolderDoesNot) {
  auto agent = this->agent();
  agent->make_folder(project + "/old");
  agent->make_folder(project + "/old/older");
  for (const char* name : {"/f", "/g", "/d"}) agent->rename(project + name, project + "/old/older" + name);
  agent->remove_tree(project + "/old");
  agent->end();
  expect_the_way_back();
}

TEST_F(UndoPassage, ANewFolderThatWasRenamedWithOldThingsInItLetsThemGo) {
  auto agent = this->agent();
  agent->make_folder(project + "/one");
  agent->make_folder(project + "/one/two");
  agent->rename(project + "/d", project + "/one/two/d");
  agent->rename(project + "/one", project + "/three");
  agent->remove(project + "/three/two/d/x");
  agent->remove_tree(project + "/three");
  agent->end();
  expect_the_way_back();
}

TEST_F(UndoPassage, ANewFolderThatNothingWentIntoIsNotKept) {
  auto agent = this->agent();
  agent->make_folder(project + "/own");
  agent->rename(project + "/own", project + "/mine");
  agent->remove(project + "/mine");
  agent->remove(project + "/f");
  agent->end();
  const auto restored = undo();
  EXPECT_EQ(restored.items.size(), 1U);
  EXPECT_EQ(tree(project), before);
}

TEST_F(UndoPassage, OfTwoThatChangedPlacesOneIsEnough) {
  auto agent = this->agent();
  agent->make_folder(project + "/own");
  agent->exchange(project + "/own", project + "/f");
  agent->exchange(project + "/f", project + "/g");
  agent->remove(project + "/g");  // the agent's own
  agent->remove_tree(project + "/d");
  agent->rename(project + "/own", project + "/d");
  agent->end();
  expect_the_way_back();
}

TEST_F(UndoPassage, AFolderThatIsMadeAnewKeepsItsModeWhenItGoesBackToItsPlace) {
  auto agent = this->agent();
  agent->exchange(project + "/d/deep", project + "/f");
  agent->remove_tree(project + "/f");
  agent->end();
  expect_the_way_back();
}

TEST_F(UndoPassage, ANewFolderThatHadTheNameOfAnOldOneIsMadeAnewAsOftenAsNeeded) {
  auto agent = this->agent();
  agent->rename(project + "/d", project + "/e");
  agent->make_folder(project + "/d");
  agent->rename(project + "/f", project + "/d/f");
  agent->rename(project + "/d", project + "/own");
  agent->end();
  expect_the_way_back();
}

TEST_F(UndoPassage, AnotherNewFolderInThePlaceOfTheOneThatIsGoneIsGoneThroughInstead) {
  auto agent = this->agent();
  agent->make_folder(project + "/one");
  agent->rename(project + "/f", project + "/one/f");
  agent->rename(project + "/one", project + "/two");
  agent->remove_tree(project + "/two");
  agent->make_folder(project + "/two");
  agent->write(project + "/two/own", "the agent's");
  agent->end();
  EXPECT_EQ(problems(undo()), "");
  EXPECT_EQ(read_file(project + "/f"), "of before: /f");
}

TEST_F(UndoPassage, TimesAreThoseOfTheFolderAndNotOfAnotherThatHadItsName) {
  auto agent = this->agent();
  agent->remove(project + "/d/x");
  agent->rename(project + "/d", project + "/e");
  agent->make_folder(project + "/d");
  agent->rename(project + "/f", project + "/d/f");
  agent->change_mode(project + "/d", 0700);
  agent->end();
  expect_the_way_back();
}

TEST_F(UndoPassage, AnUndoThatIsKilledOnTheWayIsDoneAnew) {
  bool finished = false;
  int kills = 0;
  for (int steps = 1; !finished && steps < 200; ++steps) {
    begin();
    const auto as_it_was = tree(project, Times::NoFolders);
    auto agent = this->agent();
    agent->make_folder(project + "/own");
    agent->make_folder(project + "/own/inner");
    agent->rename(project + "/d", project + "/own/inner/d");
    agent->rename(project + "/own/inner", project + "/inner");
    agent->exchange(project + "/f", project + "/own");
    agent->rename(project + "/g", project + "/f/g");
    agent->remove_tree(project + "/inner");
    agent->remove_tree(project + "/f");
    agent->end();
    finished = restore_and_die(restore_options(), steps);
    kills += finished ? 0 : 1;
    EXPECT_EQ(problems(undo()), "") << "killed after step " << steps;
    auto now = tree(project, Times::NoFolders);
    // Folders that it had made to go through may stay where it was killed.
    std::erase_if(now, [&](const auto& each) { return !as_it_was.contains(each.first); });
    EXPECT_EQ(now, as_it_was) << "killed after step " << steps;
  }
  EXPECT_TRUE(finished);
  EXPECT_GT(kills, 10);
}

TEST_F(UndoPassage, ARedoThatIsKilledOnTheWayIsTakenBackByTheNextUndo) {
  bool finished = false;
  int kills = 0;
  for (int steps = 1; !finished && steps < 200; ++steps) {
    begin();
    auto agent = this->agent();
    agent->write(project + "/f", "scribbled over");
    agent->change_mode(project + "/g", 0600);
    agent->rename(project + "/g", project + "/h");
    agent->remove_tree(project + "/d");
    agent->write(project + "/h", "scribbled over as well");
    agent->end();
    const auto first = restore_options();
    EXPECT_EQ(problems(undo(first)), "");
    finished = restore_and_die(restore_options(first.new_transaction, "redo-1"), steps);
    kills += finished ? 0 : 1;
    EXPECT_EQ(problems(undo()), "") << "killed after step " << steps;
    auto now = tree(project, Times::NoFolders);
    // An empty folder that was about to be removed has its name for that still.
    std::erase_if(now, [](const auto& each) { return each.first.find("/.assent-") != std::string::npos; });
    EXPECT_EQ(now, without_folder_times(before)) << "killed after step " << steps;
    if (HasFailure()) return;
  }
  EXPECT_TRUE(finished);
  EXPECT_GT(kills, 8);
}

TEST_F(UndoPassage, WhatLiesInTheVaultComesBackAlsoWhereTheRedoThatPutItThereIsForgotten) {
  auto agent = this->agent();
  agent->remove(project + "/f");
  agent->remove_tree(project + "/d");
  agent->end();
  const auto first = restore_options();
  EXPECT_EQ(problems(undo(first)), "");
  EXPECT_EQ(problems(undo(restore_options(first.new_transaction, "redo-1"))), "");
  std::filesystem::remove_all(vault + "/redo-1");
  EXPECT_EQ(problems(undo()), "");
  EXPECT_EQ(read_file(project + "/f"), "of before: /f");
  EXPECT_EQ(read_file(project + "/d/deep/y"), "of before: /d/deep/y");
}

TEST_F(UndoPassage, ANameThatTheAgentGaveGivesWay) {
  auto agent = this->agent();
  agent->remove(project + "/g");
  agent->link(project + "/f", project + "/g");
  agent->rename(project + "/d", project + "/e");
  agent->end();
  const auto restored = undo();
  EXPECT_EQ(problems(restored), "");
  EXPECT_EQ(read_file(project + "/g"), "of before: /g");
  EXPECT_EQ(read_file(project + "/f"), "of before: /f");
}

TEST_F(UndoPassage, ANameThatAHumanGaveStays) {
  auto agent = this->agent();
  agent->remove(project + "/g");
  agent->end();
  ASSERT_EQ(0, ::link((project + "/f").c_str(), (project + "/g").c_str()));
  const auto restored = undo();
  EXPECT_EQ(restored.conflicts, 1U);
  EXPECT_EQ(read_file(project + "/g"), "of before: /f");
}

TEST_F(UndoPassage, TheAgentsNameOfAFileThatHasNoOtherStays) {
  auto agent = this->agent();
  agent->remove(project + "/g");
  agent->link(project + "/f", project + "/g");
  agent->end();
  ASSERT_EQ(0, ::unlink((project + "/f").c_str()));  // a human keeps it under the new name
  const auto restored = undo();
  EXPECT_EQ(restored.conflicts, 1U);
  EXPECT_EQ(read_file(project + "/g"), "of before: /f");
}

TEST_F(UndoPassage, AFolderThatNothingOfBeforeWasInIsNoConflictWhereItIsGone) {
  auto agent = this->agent();
  agent->make_folder(project + "/own");
  agent->exchange(project + "/own", project + "/f");
  agent->end();
  ASSERT_EQ(0, ::rmdir((project + "/f").c_str()));  // by a human
  EXPECT_EQ(problems(undo()), "");
  EXPECT_EQ(read_file(project + "/f"), "of before: /f");
}

}  // namespace
}  // namespace assent::test
