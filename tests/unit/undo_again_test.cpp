// An undo that was killed, and another one after it; and undos beside somebody who changes things meanwhile.
#include <sys/wait.h>

#include <sys/ioctl.h>

#include "support/undo_fixture.h"

namespace assent::test {
namespace {

class UndoAgain : public UndoTest {
 protected:
  void fill() {
    std::filesystem::create_directories(project + "/dir/inner");
    write_file(project + "/a", "content of a");
    write_file(project + "/b", "content of b");
    write_file(project + "/moved", "content of what was moved");
    write_file(project + "/dir/c", "content of c");
    write_file(project + "/dir/inner/d", "content of d");
    ::symlink("a", (project + "/dir/link").c_str());
    ::chmod((project + "/dir").c_str(), 0751);
    int n = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(project)) age(entry.path().string(), ++n);
    age(project, 7);
  }
  void damage() {
    auto agent = this->agent();
    agent->write(project + "/b", "scribbled over");
    agent->change_mode(project + "/a", 0600);
    agent->rename(project + "/moved", project + "/gone");
    agent->remove_tree(project + "/dir");
    agent->remove(project + "/a");
    agent->write(project + "/a", "the agent's");
    agent->end();
  }
  void start_anew() {
    for (std::filesystem::recursive_directory_iterator at(project), end; at != end; ++at) {
      if (at->is_directory() && !at->is_symlink()) ::chmod(at->path().c_str(), 0700);
    }
    std::filesystem::remove_all(project);
    std::filesystem::remove_all(scratch / "state");
    std::filesystem::create_directory(project);
    own.clear();
    fill();
  }
};

TEST_F(UndoAgain, KilledAfterEveryStepTheNextOneBringsEverythingBack) {
  bool finished = false;
  int kills = 0;
  for (int steps = 1; !finished && steps < 200; ++steps) {
    start_anew();
    const auto before = tree(project, Times::NoFolders);
    damage();
    finished = restore_and_die(restore_options("s1", "undo-0"), steps);
    if (!finished) ++kills;
    const auto restored = undo(restore_options("s1", "undo-1"));
    EXPECT_EQ("", problems(restored)) << "killed after step " << steps;
    auto after = tree(project, Times::NoFolders);
    // A folder that had no line yet is nobody's to remove by its name; it is empty.
    std::erase_if(after, [](const auto& each) { return each.first.find("/.assent-undo-0-") != std::string::npos; });
    EXPECT_EQ(before, after) << "killed after step " << steps;
    if (HasFailure()) return;
  }
  EXPECT_TRUE(finished);
  EXPECT_GE(kills, 12);
}

TEST_F(UndoAgain, ContentThatAKilledUndoHadBegunToWriteIsNoHumansChange) {
  write_file(project + "/b", "content of b, which is longer than a word");
  age(project + "/b", 3);
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  agent->write(project + "/b", "scribbled over");
  agent->end();
  // Killed where its line was written, and a part of the content.
  {
    undo::VaultOptions how = options("undo-0");
    how.about = "s1";
    undo::Vault half(how);
    const UniqueFd object(::open((project + "/b").c_str(), O_PATH | O_CLOEXEC));
    Agent judge(options("unused"), &own);
    ASSERT_TRUE(half.keep_content(object.get(), judge.target(project + "/b"), 1));
  }
  write_file(project + "/b", "conte");
  const auto restored = undo(restore_options("s1", "undo-1"));
  EXPECT_EQ("", problems(restored));
  EXPECT_EQ(before, tree(project, Times::NoFolders));

  write_file(project + "/b", "but this is");
  EXPECT_EQ(0U, undo(restore_options("s1", "undo-2")).restored);
  EXPECT_EQ("but this is", read_file(project + "/b"));
}

TEST_F(UndoAgain, WhatCouldNotBeTakenBackIsTriedAgainAndTheRestIsNot) {
  write_file(project + "/removed", "the one");
  write_file(project + "/other", "the other");
  write_file(project + "/written", "the content");
  age(project + "/written", 3);
  auto agent = this->agent();
  agent->remove(project + "/removed");
  agent->remove(project + "/other");
  agent->write(project + "/written", "scribbled over");
  agent->end();
  write_file(project + "/removed", "somebody else's");
  // The line of its content is written before the writing fails.
  const UniqueFd file(::open((project + "/written").c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  const bool can = ::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) == 0;
  int shut = flags | FS_IMMUTABLE_FL;
  const bool shut_now = can && ::ioctl(file.get(), FS_IOC_SETFLAGS, &shut) == 0;
  const auto first = undo();
  EXPECT_EQ(first.conflicts, 1U);
  EXPECT_EQ(first.failed, shut_now ? 1U : 0U);
  EXPECT_EQ(first.restored, shut_now ? 1U : 2U);

  if (shut_now) ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags);
  std::filesystem::remove(project + "/removed");
  std::filesystem::remove(project + "/other");  // nobody asked for that one to come back twice
  const auto second = undo();
  EXPECT_EQ(problems(second), "");
  EXPECT_EQ(second.restored, shut_now ? 2U : 1U);
  EXPECT_EQ(read_file(project + "/removed"), "the one");
  EXPECT_EQ(read_file(project + "/written"), "the content");
  EXPECT_FALSE(exists(project + "/other"));
}

// The manifest as it would be had the session been killed an hour ago.
void make_older(const std::string& manifest, std::int64_t nanoseconds) {
  std::istringstream lines(read_file(manifest));
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    auto record = undo::decode(line);
    ASSERT_TRUE(record) << line;
    record->time -= nanoseconds;
    out += undo::encode(*record);
  }
  write_file(manifest, out);
  struct stat st {};
  ASSERT_EQ(0, ::stat(manifest.c_str(), &st));
  const timespec times[2] = {{st.st_mtim.tv_sec - nanoseconds / 1'000'000'000, 0},
                             {st.st_mtim.tv_sec - nanoseconds / 1'000'000'000, 0}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, manifest.c_str(), times, 0));
}

TEST_F(UndoAgain, WhatAHumanChangedAfterTheSessionWasKilledIsAConflictThoughItsEndWasNeverWritten) {
  constexpr std::int64_t kHour = 3600LL * 1'000'000'000;
  for (const char* name : {"/agents", "/humans"}) {
    write_file(project + name, "as it was");
    age(project + name, 3);
  }
  {
    auto agent = this->agent();
    agent->write(project + "/agents", "the agent's");
    agent->write(project + "/humans", "the agent's");
  }  // killed
  make_older(vault + "/s1/manifest", kHour);
  struct stat st {};
  ASSERT_EQ(0, ::stat((project + "/agents").c_str(), &st));
  const timespec then[2] = {{st.st_mtim.tv_sec - 3599, 0}, {st.st_mtim.tv_sec - 3599, 0}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, (project + "/agents").c_str(), then, 0));
  write_file(project + "/humans", "what a human made of it since");
  auto recovered = undo::recover(vault, "s1");
  ASSERT_TRUE(recovered && recovered->was_open);
  const auto restored = undo();
  EXPECT_EQ(1U, restored.restored) << problems(restored);
  EXPECT_EQ(1U, restored.conflicts);
  EXPECT_EQ("as it was", read_file(project + "/agents"));
  EXPECT_EQ("what a human made of it since", read_file(project + "/humans"));
}

TEST_F(UndoAgain, WhoPutsAnotherFolderInThePlaceMeanwhileKeepsItAsItIs) {
  std::filesystem::create_directory(project + "/dir");
  write_file(project + "/dir/c", "content of c");
  write_file(project + "/z", "content of z");
  ::chmod((project + "/dir").c_str(), 0751);
  auto agent = this->agent();
  agent->remove(project + "/z");
  agent->remove_tree(project + "/dir");
  agent->end();
  auto how = restore_options();
  bool swapped = false;
  how.on_step = [&](int) {
    if (swapped || !exists(project + "/dir/c")) return;
    swapped = true;
    ASSERT_EQ(0, ::rename((project + "/dir").c_str(), (project + "/elsewhere").c_str()));
    ASSERT_EQ(0, ::mkdir((project + "/dir").c_str(), 0700));
  };
  (void)undo(how);
  ASSERT_TRUE(swapped);
  struct stat st {};
  ASSERT_EQ(0, ::stat((project + "/dir").c_str(), &st));
  EXPECT_EQ(0700U, st.st_mode & 07777U);
}

// Between the look and the rename somebody puts another object under the name.
TEST_F(UndoAgain, ANameThatHasComeToMeanAnotherFileIsLeftAlone) {
  write_file(project + "/before", "what was renamed");
  write_file(project + "/bystander", "somebody else's");
  const FileId bystander = id_at(project + "/bystander");
  auto agent = this->agent();
  agent->rename(project + "/before", project + "/after");
  agent->end();
  auto how = restore_options();
  how.on_step = [&](int) {
    if (!exists(project + "/bystander")) return;
    ASSERT_EQ(0, ::rename((project + "/after").c_str(), (project + "/taken away").c_str()));
    ASSERT_EQ(0, ::rename((project + "/bystander").c_str(), (project + "/after").c_str()));
  };
  const auto restored = undo(how);
  EXPECT_EQ(1U, restored.failed);
  EXPECT_EQ(bystander, id_at(project + "/after"));
  EXPECT_FALSE(exists(project + "/before"));
}

TEST_F(UndoAgain, ARedoTakesNothingIntoTheVaultThatWasNotThere) {
  for (int when = 1; when <= 5; ++when) {
    const std::string session = "s" + std::to_string(when), before = "undo-" + session;
    write_file(project + "/a", "what was removed");
    write_file(project + "/bystander", "somebody else's");
    const FileId bystander = id_at(project + "/bystander");
    auto agent = this->agent(session);
    agent->remove(project + "/a");
    agent->end();
    EXPECT_EQ("", problems(undo(restore_options(session, before))));
    auto how = restore_options(before, "redo-" + session);
    int steps = 0;
    how.on_step = [&](int) {
      if (++steps != when || !exists(project + "/a")) return;
      ASSERT_EQ(0, ::rename((project + "/a").c_str(), (project + "/taken away").c_str()));
      ASSERT_EQ(0, ::rename((project + "/bystander").c_str(), (project + "/a").c_str()));
    };
    (void)undo(how);
    const std::string where = project + (exists(project + "/bystander") ? "/bystander" : "/a");
    ASSERT_TRUE(exists(where)) << "changed at step " << when;
    EXPECT_EQ(bystander, id_at(where)) << "changed at step " << when;
    std::filesystem::remove_all(project);
    std::filesystem::create_directory(project);
  }
}

TEST_F(UndoAgain, ALinkOfSomebodyElseIsNotTakenForTheCopyOfTheOldOne) {
  const Scratch other("/dev/shm");
  if (id_at(other.path()).device == id_at(project).device) GTEST_SKIP() << "/dev/shm is the same file system here";
  ::symlink("release-5", (other / "current").c_str());
  ::symlink("release-5", (other / "same").c_str());
  auto agent = this->agent();
  agent->remove(other / "current");
  agent->remove(other / "same");
  agent->end();
  ::symlink("evil", (other / "current").c_str());
  ::symlink("release-5", (other / "same").c_str());
  const auto restored = undo();
  ASSERT_EQ(2U, restored.items.size());
  EXPECT_EQ(undo::Done::Already, restored.items[0].done) << restored.items[0].path;
  EXPECT_EQ(undo::Done::Conflict, restored.items[1].done) << restored.items[1].path;
  EXPECT_EQ("evil", std::filesystem::read_symlink(other / "current"));
}

TEST_F(UndoAgain, ACopyThatLostSomeOfItsBytesIsNotPutBackAsIfItWereWhole) {
  const Scratch other("/dev/shm");
  if (id_at(other.path()).device == id_at(project).device) GTEST_SKIP() << "/dev/shm is the same file system here";
  write_file(other / "removed", "precious bytes");
  write_file(other / "written", "precious bytes");
  auto agent = this->agent();
  agent->remove(other / "removed");
  agent->write(other / "written", "x");
  agent->end();
  std::filesystem::remove(other / "written");
  for (const auto& entry : std::filesystem::directory_iterator(vault + "/s1/objects"))
    ASSERT_EQ(0, ::truncate(entry.path().c_str(), 3));
  const auto restored = undo();
  EXPECT_EQ(0U, restored.restored) << problems(restored);
  EXPECT_FALSE(exists(other / "removed"));
  EXPECT_FALSE(exists(other / "written"));
  EXPECT_TRUE(std::filesystem::is_empty(other.path())) << "nothing half made is left";
}

}  // namespace
}  // namespace assent::test
