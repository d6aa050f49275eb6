// git itself makes the indexes here; where there is no git these tests are skipped. The parser alone is tested with
// bytes made by hand.
#include "resolve/git_index.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/sys.h"
#include "resolve/git_index_format.h"

namespace assent::resolve {
namespace {

class GitIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/assent-git-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    if (std::system("git --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "git is not installed";
    shell("git init -q -b main . && git config user.name t && git config user.email t@example.invalid");
  }
  void TearDown() override { ASSERT_EQ(std::system(("rm -rf " + path_).c_str()), 0); }

  void shell(const std::string& commands) const {
    const std::string line = "cd " + path_ +
                             " && export HOME=$PWD/.. GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null && { " +
                             commands + "; }";
    ASSERT_EQ(std::system(line.c_str()), 0) << commands;
  }
  // The index is written later than the files, so that nothing is racy.
  void stage(const std::string& commands) const {
    shell(commands + " && sleep 0.02 && git add -A && git status -s >/dev/null");
  }

  [[nodiscard]] Result<GitIndex> pin(const std::string& below = "") const {
    auto folder = sys::openat(AT_FDCWD, (path_ + below).c_str(), O_PATH | O_DIRECTORY);
    if (!folder) return pass(std::move(folder));
    return GitIndex::pin(folder->get());
  }
  [[nodiscard]] struct statx stat(const std::string& name) const {
    return sys::statx(AT_FDCWD, (path_ + "/" + name).c_str()).value();
  }
  [[nodiscard]] bool holds(const GitIndex& index, const std::string& name) const {
    return index.holds_unmodified(name, stat(name));
  }

  std::string path_;
};

TEST_F(GitIndexTest, HoldsWhatWasStagedAndNotWhatWasNot) {
  stage("mkdir -p a/b && echo one >a/b/file && echo two >top && ln -s top link && echo x >run && chmod +x run");
  shell("echo new >untracked");
  const auto index = pin().value();
  ASSERT_TRUE(index.load_now());
  EXPECT_EQ(index.entries(), 4U);
  for (const char* name : {"a/b/file", "top", "link", "run"}) {
    EXPECT_TRUE(index.tracks(name)) << name;
    EXPECT_TRUE(holds(index, name)) << name;
  }
  EXPECT_FALSE(index.tracks("untracked"));
  EXPECT_FALSE(holds(index, "untracked"));
  for (const char* name : {"", "a", "a/b", "a/b/", "a/b/fil", "a/b/file2", "zzz", "/top", "./top"}) {
    EXPECT_FALSE(index.tracks(name)) << name;
  }
}

TEST_F(GitIndexTest, SeesEveryKindOfChange) {
  stage("for f in text mode touched type moved same; do echo content >$f; done");
  shell("echo CONTENT >text; chmod +x mode; touch touched; rm type; ln -s text type; cp moved m2; mv m2 moved");
  const auto index = pin().value();
  for (const char* name : {"text", "mode", "touched", "type", "moved"}) {
    EXPECT_TRUE(index.tracks(name));
    EXPECT_FALSE(holds(index, name)) << name;
  }
  EXPECT_TRUE(holds(index, "same"));
}

TEST_F(GitIndexTest, AChangeHiddenBehindTheOldModificationTimeIsSeenByItsChangeTime) {
  stage("echo content >file");
  shell("touch -r file stamp && echo CONTENT >file && touch -r stamp file");
  EXPECT_FALSE(holds(pin().value(), "file"));
}

TEST_F(GitIndexTest, AFileModifiedWhenTheIndexWasWrittenIsNotTrusted) {
  stage("echo content >file");
  // The same moment for both: what the file holds might have come after what git staged.
  shell("touch -r file .git/index");
  const auto index = pin().value();
  EXPECT_TRUE(index.tracks("file"));
  EXPECT_FALSE(holds(index, "file"));
}

TEST_F(GitIndexTest, AFileModifiedWhenTheIndexWasWrittenIsReadWhereItLies) {
  const auto read = [this](const GitIndex& index, const std::string& name) {
    const std::string whole = path_ + "/" + name;
    return index.holds_unmodified(name, stat(name), {AT_FDCWD, whole.c_str()});
  };
  // git takes the size out of such an entry where the content differs when it writes the index again.
  stage(
      "printf content >file && printf '' >empty && head -c 262144 /dev/zero >long && head -c 262145 /dev/zero >longer "
      "&& printf 'a\\r\\nb' >lines && echo '*.txt text eol=crlf' >.gitattributes && printf 'a\\r\\n' >x.txt");
  shell("touch -d '1 hour ago' .git/index");
  const auto index = pin().value();
  for (const char* name : {"file", "empty", "long", "lines"}) {
    EXPECT_FALSE(holds(index, name)) << name;
    EXPECT_TRUE(read(index, name)) << name;
  }
  EXPECT_FALSE(read(index, "longer"));
  EXPECT_FALSE(read(index, "x.txt")) << "git holds it with other ends of lines";
}

// What the racy entry is about: changed within the same moment, same size, and nothing but the bytes tells.
TEST_F(GitIndexTest, AFileModifiedWithinTheMomentOfTheIndexIsKnownByItsBytes) {
  stage("printf content >file");
  // An index that says of the file's present shape that its content is another.
  shell(
      "printf CONTENT >other && mv other file && git update-index --add --cacheinfo 100644,$(printf content | git "
      "hash-object -w --stdin),file && printf content >old");
  const struct statx now = stat("file");
  std::string bytes = sys::read_file(AT_FDCWD, (path_ + "/.git/index").c_str()).value();
  const auto put = [&bytes](std::size_t at, std::uint64_t value) {
    for (int i = 0; i < 4; ++i) bytes[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (24 - 8 * i));
  };
  put(12, static_cast<std::uint64_t>(now.stx_ctime.tv_sec));
  put(16, now.stx_ctime.tv_nsec);
  put(20, static_cast<std::uint64_t>(now.stx_mtime.tv_sec));
  put(24, now.stx_mtime.tv_nsec);
  put(32, now.stx_ino);
  put(40, now.stx_uid);
  put(44, now.stx_gid);
  put(48, now.stx_size);
  std::ofstream(path_ + "/.git/index", std::ios::binary) << bytes;
  shell("touch -r file .git/index");
  const auto index = pin().value();
  const std::string whole = path_ + "/file";
  EXPECT_FALSE(index.holds_unmodified("file", now, {AT_FDCWD, whole.c_str()}));
  // The control: later than the index nothing but the shape is looked at, and that is the same.
  shell("touch -d '1 hour' .git/index");
  EXPECT_TRUE(pin().value().holds_unmodified("file", now));
}

TEST_F(GitIndexTest, GoesOnReadingTheOldIndexAfterGitPutANewOneInItsPlace) {
  stage("echo content >file");
  const auto index = pin().value();
  shell("git rm -q --cached file && echo more >more && git add more");
  EXPECT_TRUE(holds(index, "file"));
  EXPECT_FALSE(index.tracks("more"));
}

TEST_F(GitIndexTest, AnIndexWrittenInPlaceIsUsedOnlyIfItWasReadBefore) {
  stage("echo content >file");
  const auto late = pin().value();
  const auto early = pin().value();
  ASSERT_TRUE(early.load_now());
  shell("sleep 0.02; cp .git/index i && cat i >.git/index");
  EXPECT_TRUE(holds(early, "file"));
  EXPECT_FALSE(holds(late, "file"));
  EXPECT_FALSE(late.load_now());
}

TEST_F(GitIndexTest, ReadsVersion4AndExtendedFlagsAndConflicts) {
  stage("mkdir -p dir/sub && for i in 1 2 3; do echo $i >dir/sub/name$i; echo $i >dir/other$i; done; echo x >z");
  shell("git update-index --index-version 4");
  EXPECT_TRUE(holds(pin().value(), "dir/sub/name2"));
  EXPECT_TRUE(holds(pin().value(), "dir/other3"));
  EXPECT_TRUE(holds(pin().value(), "z"));
  EXPECT_EQ(pin().value().entries(), 7U);

  shell(
      "git update-index --index-version 3 && echo n >intent && git add -N intent && git update-index --skip-worktree "
      "z");
  EXPECT_TRUE(pin().value().tracks("intent"));
  EXPECT_FALSE(holds(pin().value(), "intent")) << "only announced, git has no bytes of it";
  EXPECT_TRUE(holds(pin().value(), "z"));

  shell(
      "git rm -q --cached intent && git commit -qm 1 && git checkout -qb side && echo side >dir/other1 && git commit "
      "-qam 2 && "
      "git checkout -q main && echo main >dir/other1 && git commit -qam 3 && ! git merge -q side >/dev/null 2>&1");
  EXPECT_TRUE(pin().value().tracks("dir/other1"));
  EXPECT_FALSE(holds(pin().value(), "dir/other1")) << "in conflict";
  EXPECT_TRUE(holds(pin().value(), "dir/other2"));
}

TEST_F(GitIndexTest, ReadsSha256Repositories) {
  shell("rm -rf .git && git init -q --object-format=sha256 .");
  stage("for i in 1 2 3 4 5; do echo $i >name$i; done");
  EXPECT_EQ(pin().value().entries(), 5U);
  EXPECT_TRUE(holds(pin().value(), "name3"));
}

TEST_F(GitIndexTest, FindsTheIndexOfAWorktreeAndOfASubmodule) {
  stage("echo content >file");
  shell(
      "git commit -qm 1 && git worktree add -q ../$(basename $PWD)-tree && sleep 0.02 && git -C ../$(basename "
      "$PWD)-tree status -s");
  auto tree = sys::openat(AT_FDCWD, (path_ + "-tree").c_str(), O_PATH | O_DIRECTORY).value();
  const auto index = GitIndex::pin(tree.get()).value();
  EXPECT_TRUE(index.tracks("file"));
  shell("rm -rf ../$(basename $PWD)-tree");
  shell("mkdir -p .git/modules/m sub && cp .git/index .git/modules/m/ && echo 'gitdir: ../.git/modules/m' >sub/.git");
  EXPECT_TRUE(pin("/sub").value().tracks("file"));
}

TEST_F(GitIndexTest, ASplitIndexIsNotUsed) {
  stage("echo content >file");
  shell("git update-index --split-index");
  const auto index = pin().value();
  EXPECT_FALSE(index.load_now());
  EXPECT_FALSE(index.tracks("file"));
}

TEST_F(GitIndexTest, WhatIsNoIndexIsRefusedWithoutHarm) {
  shell("rm -rf .git");
  EXPECT_EQ(pin().error().code, ENOENT);
  shell("mkdir .git");
  EXPECT_EQ(pin().error().code, ENOENT);
  shell("mkfifo .git/index");
  EXPECT_FALSE(pin());
  shell("rm .git/index && ln -s /etc/passwd .git/index");
  EXPECT_FALSE(pin());
  shell("rm -rf .git && echo nonsense >.git");
  EXPECT_FALSE(pin());
  shell("rm -rf .git && mkfifo .git");
  EXPECT_FALSE(pin());
  shell("rm -rf .git && mkdir .git && : >.git/index");
  EXPECT_FALSE(pin().value().load_now());
  shell("head -c 100000 /dev/urandom >.git/index");
  EXPECT_FALSE(pin().value().load_now());
  EXPECT_FALSE(GitIndex().tracks("file"));
  EXPECT_TRUE(GitIndex().load_now());
}

TEST_F(GitIndexTest, EveryCutOfARealIndexIsMalformedOrShorterButNeverHarmful) {
  stage("for i in 1 2 3 4 5; do echo $i >name$i; done");
  for (const char* version : {"2", "4"}) {
    shell(std::string("git update-index --index-version ") + version);
    const std::string bytes = sys::read_file(AT_FDCWD, (path_ + "/.git/index").c_str()).value();
    const auto parse = [](const std::string& text) {
      // A copy of exactly this size, so that a sanitizer sees the first byte beyond.
      const std::vector<std::uint8_t> copy(text.begin(), text.end());
      return parse_git_index(copy);
    };
    ASSERT_EQ(parse(bytes).value().entries.size(), 5U);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const auto index = parse(bytes.substr(0, cut));
      if (index) {
        EXPECT_LE(index->entries.size(), 5U);
      }
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const int bit : {1, 0x40, 0x80}) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ bit);
        (void)parse(changed);
      }
    }
  }
}

TEST(GitIndexFormat, ACountBeyondTheBytesIsRefusedBeforeMemoryIsAsked) {
  std::vector<std::uint8_t> bytes = {'D', 'I', 'R', 'C', 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff};
  bytes.resize(200);
  EXPECT_FALSE(parse_git_index(bytes));
}

}  // namespace
}  // namespace assent::resolve
