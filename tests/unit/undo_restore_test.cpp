// What was destroyed comes back byte for byte, and nothing that is there now is lost by it.
#include <sys/socket.h>
#include <sys/un.h>

#include "support/undo_fixture.h"

namespace assent::test {
namespace {

// Every sort of object there is, with metadata of its own.
void fill(const std::string& root) {
  std::filesystem::create_directories(root + "/src/deep/deeper");
  std::filesystem::create_directories(root + "/.git/objects");
  write_file(root + "/src/a.c", "int main;\n");
  write_file(root + "/src/deep/b.c", std::string(300'000, 'b'));
  write_file(root + "/src/deep/deeper/empty", "");
  write_file(root + "/.git/objects/pack", std::string("\0\1\2binary", 9));
  write_file(root + "/name with\nnewline %41 and \xff bytes", "odd");
  ::symlink("nowhere/at/all", (root + "/src/dangling").c_str());
  ::link((root + "/src/a.c").c_str(), (root + "/src/hard").c_str());
  ::mkfifo((root + "/src/pipe").c_str(), 0640);
  const UniqueFd sparse(::open((root + "/sparse").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_EQ(4, ::pwrite(sparse.get(), "tail", 4, 8 << 20));
  ::chmod((root + "/src/deep/b.c").c_str(), 04711);
  ::setxattr((root + "/src/a.c").c_str(), "user.origin", "here", 4, 0);
  ::chmod((root + "/src/deep").c_str(), 0751);
  ::setxattr((root + "/src/deep").c_str(), "user.folder", "yes", 3, 0);
  int n = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) age(entry.path().string(), ++n * 1000);
  age(root, 7);
}

TEST_F(UndoTest, AWholeTreeThatWasRemovedComesBackWithEveryByteAndTime) {
  fill(project);
  const auto before = tree(project);
  ASSERT_GE(before.size(), 14U);
  auto agent = this->agent();
  for (const auto& entry : std::filesystem::directory_iterator(project)) {
    if (entry.is_directory() && !entry.is_symlink()) {
      agent->remove_tree(entry.path());
    } else {
      agent->remove(entry.path());
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(project));
  agent->end();

  const auto restored = undo();
  EXPECT_EQ("", problems(restored));
  EXPECT_EQ(before, tree(project));
}

TEST_F(UndoTest, ContentThatWasWrittenOverComesBackWithItsTimesAndKeepsItsInode) {
  write_file(project + "/data", "precious");
  ::setxattr((project + "/data").c_str(), "user.k", "v", 1, 0);
  ::chmod((project + "/data").c_str(), 0640);
  age(project + "/data", 5);
  const auto before = tree(project);
  const FileId id = id_at(project + "/data");
  auto agent = this->agent();
  agent->write(project + "/data", "garbage");
  agent->write(project + "/data", "more garbage, and longer than it was");
  agent->change_mode(project + "/data", 0600);
  agent->end();
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project));
  EXPECT_EQ(id, id_at(project + "/data"));
}

TEST_F(UndoTest, AHoleStaysAHole) {
  const UniqueFd sparse(::open((project + "/sparse").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_EQ(4, ::pwrite(sparse.get(), "tail", 4, 64 << 20));
  ASSERT_EQ(0, ::ftruncate(sparse.get(), 128 << 20));
  const auto before = tree(project);
  auto agent = this->agent();
  agent->write(project + "/sparse", "x");
  agent->end();
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project));
  struct stat st {};
  ASSERT_EQ(0, ::stat((project + "/sparse").c_str(), &st));
  EXPECT_LT(st.st_blocks * 512, 1 << 20);
}

TEST_F(UndoTest, WhatTheAgentPutInThePlaceIsKeptAndRedoBringsItBack) {
  write_file(project + "/a", "mine");
  age(project + "/a", 9);
  auto agent = this->agent();
  agent->write(project + "/tmp", "the agent's");
  agent->rename(project + "/tmp", project + "/a");  // as sed -i and editors do
  agent->end();
  const auto after = tree(project);
  EXPECT_EQ("the agent's", read_file(project + "/a"));

  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ("mine", read_file(project + "/a"));
  EXPECT_EQ("", problems(undo("undo-1")));  // redo
  EXPECT_EQ("the agent's", read_file(project + "/a"));
  EXPECT_EQ(after, tree(project));
  EXPECT_EQ("", problems(undo()));  // and once more
  EXPECT_EQ("mine", read_file(project + "/a"));
}

TEST_F(UndoTest, RedoOfContentMetadataNamesAndFolders) {
  fill(project);
  const auto before = tree(project);
  auto agent = this->agent();
  agent->write(project + "/src/a.c", "changed");
  agent->change_mode(project + "/src/deep/b.c", 0600);
  agent->rename(project + "/sparse", project + "/elsewhere");
  agent->rename(project + "/.git", project + "/git");
  agent->remove_tree(project + "/src/deep");
  agent->end();
  const auto after = tree(project);
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project));
  EXPECT_EQ("", problems(undo("undo-1")));
  EXPECT_EQ(after, tree(project));
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project));
}

TEST_F(UndoTest, AFileOfSomebodyElseInThePlaceIsAConflictAndStays) {
  write_file(project + "/a", "mine");
  write_file(project + "/b", "too");
  auto agent = this->agent();
  agent->remove(project + "/a");
  agent->remove(project + "/b");
  agent->end();
  write_file(project + "/a", "written by a human meanwhile");
  const auto restored = undo();
  EXPECT_EQ(1U, restored.conflicts);
  EXPECT_EQ("written by a human meanwhile", read_file(project + "/a"));
  EXPECT_EQ("too", read_file(project + "/b"));
}

TEST_F(UndoTest, ContentThatAHumanChangedAfterTheSessionIsAConflict) {
  write_file(project + "/a", "mine");
  auto agent = this->agent();
  agent->write(project + "/a", "the agent's");
  agent->end();
  ::usleep(20'000);
  write_file(project + "/a", "a human's correction");
  const auto restored = undo();
  EXPECT_EQ(1U, restored.conflicts);
  EXPECT_EQ("a human's correction", read_file(project + "/a"));
}

TEST_F(UndoTest, ADryRunSaysTheSameAndChangesNothing) {
  fill(project);
  auto agent = this->agent();
  agent->remove_tree(project + "/src");
  agent->write(project + "/sparse", "x");
  agent->rename(project + "/.git", project + "/git");
  agent->end();
  const auto after = tree(project);
  const auto kept = tree(vault);
  auto options = restore_options();
  options.dry_run = undo::DryRun::Yes;
  const auto planned = undo(options);
  EXPECT_EQ("", problems(planned));
  EXPECT_EQ(after, tree(project));
  EXPECT_EQ(kept, tree(vault));
  const auto done = undo();
  EXPECT_EQ(planned.restored, done.restored);
}

TEST_F(UndoTest, OnePathOnePatternOneRecord) {
  fill(project);
  auto agent = this->agent();
  agent->remove_tree(project + "/src");
  const auto sequence = agent->sequence;  // of src itself, the last
  agent->end();
  auto options = restore_options();
  options.wanted.sequence = sequence;
  EXPECT_EQ(1U, undo(options).restored);
  EXPECT_TRUE(std::filesystem::is_empty(project + "/src"));
  options = restore_options();
  options.wanted.paths = {"*.c"};
  undo(options);
  EXPECT_TRUE(exists(project + "/src/a.c"));
  EXPECT_TRUE(exists(project + "/src/deep/b.c")) << "the folder above comes with it";
  EXPECT_FALSE(exists(project + "/src/pipe"));
  options = restore_options();
  options.wanted.paths = {project + "/src/deep"};
  undo(options);
  EXPECT_TRUE(exists(project + "/src/deep/deeper/empty"));
  EXPECT_FALSE(exists(project + "/src/pipe"));
}

TEST_F(UndoTest, ASecondUndoHasNothingToDo) {
  fill(project);
  auto agent = this->agent();
  agent->remove_tree(project + "/src");
  agent->write(project + "/sparse", "x");
  agent->end();
  undo();
  const auto once = tree(project);
  const auto again = undo();
  EXPECT_EQ(0U, again.restored);
  EXPECT_EQ(0U, again.conflicts);
  EXPECT_EQ(once, tree(project));
}

TEST_F(UndoTest, TheSamePathRemovedTwiceIsKeptTwice) {
  auto agent = this->agent();
  write_file(project + "/a", "first");
  agent->remove(project + "/a");
  write_file(project + "/a", "second");
  agent->remove(project + "/a");
  ::mkdir((project + "/a").c_str(), 0755);
  write_file(project + "/a/inner", "third");
  agent->remove(project + "/a/inner");
  agent->end();
  const auto kept = undo::describe(vault, "s1");
  ASSERT_TRUE(kept);
  EXPECT_EQ(3U, kept->objects);
}

TEST_F(UndoTest, AFileWithTwoNamesIsStillWritableByTheOtherAndBothComeBack) {
  write_file(project + "/a", "mine");
  ::link((project + "/a").c_str(), (project + "/b").c_str());
  const auto before = tree(project, Times::NoFolders);
  auto agent = this->agent();
  agent->remove(project + "/a");
  EXPECT_FALSE(agent->vault->holds(agent->target(project + "/b")));
  agent->write(project + "/b", "changed through the other name");
  agent->end();
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project, Times::NoFolders));
}

TEST_F(UndoTest, WhatTheAgentHadOpenForWritingComesBackAsItWasBeforeTheSession) {
  write_file(project + "/a", "mine");
  age(project + "/a", 3);
  const auto before = tree(project);
  auto agent = this->agent();
  ASSERT_TRUE(agent->try_open_for_writing(project + "/a"));
  const UniqueFd held(::open((project + "/a").c_str(), O_WRONLY | O_CLOEXEC));  // the descriptor that was handed out
  agent->remove(project + "/a");
  ASSERT_EQ(7, ::write(held.get(), "garbage", 7));  // into the vault
  agent->end();
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project));
}

TEST_F(UndoTest, AVictimOnAnotherMountIsCopiedAndComesBack) {
  const Scratch other("/dev/shm");
  fill(other.path());
  const auto before = tree(other.path(), Times::NoFolders);
  if (id_at(other.path()).device == id_at(project).device) GTEST_SKIP() << "/dev/shm is the same file system here";
  auto agent = this->agent();
  agent->remove_tree(other / "src");
  agent->write(other / "sparse", "x");
  agent->end();
  EXPECT_EQ("", problems(undo()));
  auto after = tree(other.path(), Times::NoFolders);
  // Two names of one file come back as two files; all else is the same.
  for (auto* each : {&after}) {
    for (const char* name : {"/src/a.c", "/src/hard"}) (*each)[name] = before.at(name);
  }
  EXPECT_EQ(before, after);
  EXPECT_EQ("int main;\n", read_file(other / "src/hard"));
}

TEST_F(UndoTest, AStoreBesideTheProjectOnAnotherMountTakesByRename) {
  const Scratch other("/dev/shm");
  std::filesystem::create_directory(other / "work");
  write_file(other / "work/a", "mine");
  if (id_at(other.path()).device == id_at(project).device) GTEST_SKIP();
  const std::string place = undo::place_for(other / "work", vault);
  ASSERT_NE("", place);
  ASSERT_NE(vault, place);
  const FileId id = id_at(other / "work/a");
  auto own_options = options();
  own_options.stores = {place};
  Agent agent(own_options, &own);
  agent.remove(other / "work/a");
  agent.end();
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(id, id_at(other / "work/a"));
  EXPECT_EQ("", problems(undo("undo-1")));
  EXPECT_FALSE(exists(other / "work/a"));
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(id, id_at(other / "work/a"));
  std::filesystem::remove_all(place);
}

TEST_F(UndoTest, AccessControlListsComeBack) {
  write_file(project + "/a", "mine");
  ::mkdir((project + "/d").c_str(), 0750);
  // Version 2, then tag, permission, id: user, user 65534, group, mask, other.
  const auto list = [](unsigned permission) {
    std::string out("\2\0\0\0", 4);
    const auto entry = [&out](unsigned tag, unsigned bits, unsigned id) {
      for (const unsigned byte : {tag & 255, tag >> 8, bits, 0U, id & 255, (id >> 8) & 255, (id >> 16) & 255, id >> 24})
        out += static_cast<char>(byte);
    };
    entry(0x01, 6, ~0U);
    entry(0x02, permission, 65534);
    entry(0x04, 4, ~0U);
    entry(0x10, permission, ~0U);
    entry(0x20, 0, ~0U);
    return out;
  };
  const std::string access = list(4);
  const std::string inherited = list(6);
  if (::setxattr((project + "/a").c_str(), "system.posix_acl_access", access.data(), access.size(), 0) != 0)
    GTEST_SKIP() << "no ACLs here";
  ASSERT_EQ(0, ::setxattr((project + "/d").c_str(), "system.posix_acl_default", inherited.data(), inherited.size(), 0));
  const auto before = tree(project);
  auto agent = this->agent();
  agent->remove(project + "/d");
  agent->note_metadata(project + "/a");
  ::removexattr((project + "/a").c_str(), "system.posix_acl_access");
  agent->end();
  EXPECT_NE(before, tree(project));
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ(before, tree(project));
}

TEST_F(UndoTest, UndoWhileTheSessionRunsAndItGoesOn) {
  write_file(project + "/a", "mine");
  auto agent = this->agent();
  agent->remove(project + "/a");
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ("mine", read_file(project + "/a"));
  EXPECT_FALSE(agent->vault->holds(agent->target(project + "/a")));
  agent->remove(project + "/a");
  agent->end();
  EXPECT_EQ("", problems(undo()));
  EXPECT_EQ("mine", read_file(project + "/a"));
}

}  // namespace
}  // namespace assent::test
