// Objects of several folders under way at once: what comes back, in which order it is told, what a kill leaves, what is
// in the way.
#include "undo/mover.h"

#include <sys/wait.h>

#include <algorithm>

#include "support/undo_fixture.h"

namespace assent::test {
namespace {

class UndoMover : public UndoTest {
 protected:
  // Folders with folders in them, with files before and behind those.
  void fill(int folders, int files) {
    for (int folder = 0; folder < folders; ++folder) {
      const std::string at = project + "/tree/d" + std::to_string(folder) + (folder % 3 == 2 ? "/inner" : "");
      std::filesystem::create_directories(at);
      for (int file = 0; file < files; ++file) {
        const std::string path = at + "/f" + std::to_string(file);
        write_file(path, "content of " + path);
        age(path, file);
        if (folder % 3 == 2) write_file(at + "/../beside" + std::to_string(file), "beside");
      }
    }
  }
  void remove_all() {
    auto agent = this->agent();
    agent->remove_tree(project + "/tree");
    agent->end();
  }
  void start_anew() {
    std::filesystem::remove_all(project);
    std::filesystem::remove_all(scratch / "state");
    std::filesystem::create_directory(project);
  }
  // True: it came to its end.
  static std::vector<std::string> told(const undo::Restored& restored) {
    std::vector<std::string> out;
    for (const auto& item : restored.items)
      out.push_back(item.what + " " + item.path + " " + std::string(undo::name(item.done)) + " " + item.why);
    return out;
  }
};

TEST_F(UndoMover, ATreeComesBackAndGoesAgainAndIsToldInTheSameOrderEachTime) {
  fill(12, 20);
  const auto before = tree(project);
  remove_all();
  std::vector<std::string> first;
  for (int round = 0; round < 5; ++round) {
    const std::string undone = "undo-a" + std::to_string(round);
    const auto restored = undo(restore_options("s1", undone));
    EXPECT_EQ("", problems(restored));
    EXPECT_EQ(before, tree(project)) << round;
    EXPECT_EQ(restored.restored, restored.items.size());
    EXPECT_EQ(12U * 20 + 4U * 20 + 12 + 4 + 1, restored.restored);
    if (round == 0) first = told(restored);
    EXPECT_EQ(first, told(restored)) << round;
    EXPECT_EQ("", problems(undo(restore_options(undone, "redo-a" + std::to_string(round)))));
    EXPECT_FALSE(exists(project + "/tree")) << round;
  }
}

TEST_F(UndoMover, MoreThanOneBatchOfOneFolder) {
  fill(1, 2500);
  const auto before = tree(project);
  remove_all();
  EXPECT_EQ("", problems(undo(restore_options("s1", "undo-0"))));
  EXPECT_EQ(before, tree(project));
  EXPECT_EQ("", problems(undo("undo-0")));
  EXPECT_FALSE(exists(project + "/tree"));
}

TEST_F(UndoMover, WhatIsInTheWayIsToldAndLeftAloneAndTheRestComesBack) {
  fill(6, 12);
  remove_all();
  std::filesystem::create_directories(project + "/tree/d0");
  write_file(project + "/tree/d0/f3", "somebody else's");
  write_file(project + "/tree/d1", "no folder");
  std::filesystem::create_directories(project + "/tree/d3/f5");
  const auto restored = undo();
  EXPECT_EQ("somebody else's", read_file(project + "/tree/d0/f3"));
  EXPECT_EQ("no folder", read_file(project + "/tree/d1"));
  EXPECT_TRUE(std::filesystem::is_directory(project + "/tree/d3/f5"));
  EXPECT_EQ(3U + 12U, restored.conflicts);  // with those of d1, which is no folder
  EXPECT_EQ(0U, restored.failed);
  EXPECT_EQ(6U * 12 + 2 * 12 - 2 - 12 + 4 + 1, restored.restored);  // d1 is not made; tree, d0, d3 are there
  for (int file = 0; file < 12; ++file) {
    const std::string name = "/f" + std::to_string(file);
    for (const char* folder : {"/tree/d0", "/tree/d2/inner", "/tree/d3", "/tree/d4", "/tree/d5/inner"}) {
      const bool taken =
          (folder == std::string("/tree/d0") && file == 3) || (folder == std::string("/tree/d3") && file == 5);
      if (!taken) {
        EXPECT_EQ("content of " + project + folder + name, read_file(project + folder + name));
      }
    }
    EXPECT_TRUE(exists(vault + "/s1/L0" + project + "/tree/d1" + name));
  }
}

// Each object is in one of the two places at every moment, and the next undo, or redo, finds everything.
TEST_F(UndoMover, KilledAfterAnyStepWhileSeveralFoldersAreUnderWay) {
  for (const bool redo : {false, true}) {
    bool finished = false;
    int kills = 0;
    for (int steps = 1; !finished && steps < 400; steps += 7) {
      start_anew();
      fill(6, 6);
      const auto before = tree(project, Times::NoFolders);
      remove_all();
      if (redo) {
        EXPECT_EQ("", problems(undo(restore_options("s1", "undo-0"))));
      }
      finished = restore_and_die(redo ? restore_options("undo-0", "redo-0") : restore_options("s1", "undo-0"), steps);
      if (!finished) ++kills;
      for (const auto& [path, text] : before) {
        if (text.find('#') == std::string::npos) continue;  // no file
        EXPECT_NE(exists(project + path), exists(vault + "/s1/L0" + project + path)) << path << " at " << steps;
      }
      const std::string last = redo ? "redo-0" : "undo-0";
      if (exists(vault + "/" + last)) {
        auto recovered = undo::recover(vault, last);
        ASSERT_TRUE(recovered) << recovered.error().what;
        EXPECT_TRUE(recovered->missing.empty()) << steps;
      }
      EXPECT_EQ("", problems(undo(restore_options("s1", "undo-9")))) << "killed after step " << steps;
      auto after = tree(project, Times::NoFolders);
      std::erase_if(after, [](const auto& each) { return each.first.find("/.assent-") != std::string::npos; });
      EXPECT_EQ(before, after) << "killed after step " << steps;
      if (HasFailure()) return;
    }
    EXPECT_TRUE(finished);
    EXPECT_GE(kills, 8);
  }
}

TEST_F(UndoMover, NothingIsReplacedAndAnotherObjectGoesBack) {
  std::filesystem::create_directories(project + "/from");
  std::filesystem::create_directories(project + "/to");
  for (const char* name : {"/from/a", "/from/b", "/from/c", "/to/b"}) write_file(project + name, name);
  const FileId a = id_at(project + "/from/a");
  undo::Moves moves;
  moves.from.reset(::open((project + "/from").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  moves.to.reset(::open((project + "/to").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  moves.names = {{"a", "a", &a}, {"b", "b"}, {"c", "c", &a}, {"d", "d"}};
  int moved = 0;
  {
    undo::Mover mover([&moved] { ++moved; });
    mover.hand_over(moves);
    mover.wait_for(moves);
  }
  std::vector<int> codes;
  for (const auto& name : moves.names) codes.push_back(name.code);
  EXPECT_EQ((std::vector<int>{0, EEXIST, ESTALE, ENOENT}), codes);
  EXPECT_EQ(1, moved);
  EXPECT_EQ("/to/b", read_file(project + "/to/b"));
  EXPECT_EQ("/from/b", read_file(project + "/from/b"));
  EXPECT_EQ("/from/c", read_file(project + "/from/c"));
  EXPECT_EQ(a, id_at(project + "/to/a"));
}

}  // namespace
}  // namespace assent::test
