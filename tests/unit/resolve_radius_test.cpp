#include "resolve/radius.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/sys.h"

namespace assent::resolve {
namespace {

class RadiusTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/assent-radius-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
  }
  void TearDown() override {
    ASSERT_EQ(std::system(("chmod -R u+rwx " + path_ + " 2>/dev/null; rm -rf " + path_).c_str()), 0);
  }

  void shell(const std::string& commands) const {
    ASSERT_EQ(std::system(("cd " + path_ + " && { " + commands + "; }").c_str()), 0) << commands;
  }
  [[nodiscard]] Radius count_below(const std::string& below, RadiusOptions options = generous()) const {
    const auto root = sys::openat(AT_FDCWD, (path_ + below).c_str(), O_PATH | O_DIRECTORY).value();
    return count(root.get(), path_ + below, options);
  }
  // These trees are small; a busy machine must not cut them.
  static RadiusOptions generous() {
    RadiusOptions options;
    options.budget = std::chrono::seconds(60);
    return options;
  }
  [[nodiscard]] RadiusOptions in_project(const std::string& below, const GitIndex* git = nullptr) const {
    RadiusOptions options = generous();
    options.project = path_ + below;
    options.git = git;
    return options;
  }

  std::string path_;
};

TEST_F(RadiusTest, CountsFilesAndBytesOfTheWholeTree) {
  shell("mkdir -p a/b/c d && printf 12345 >a/one && printf 123 >a/b/c/two && : >d/.hidden && ln -s /etc e && mkfifo f");
  const Radius radius = count_below("");
  EXPECT_EQ(radius.files, 5U);
  EXPECT_EQ(radius.bytes, 5U + 3U + 4U);  // a link is as long as its target
  EXPECT_EQ(radius.not_in_git, 5U);
  EXPECT_EQ(radius.outside_project, 0U);
  EXPECT_TRUE(radius.complete);
  EXPECT_EQ(radius.root, path_);
}

TEST_F(RadiusTest, AnEmptyFolderHoldsNothing) {
  const Radius radius = count_below("");
  EXPECT_EQ(radius.files, 0U);
  EXPECT_TRUE(radius.complete);
}

TEST_F(RadiusTest, DoesNotFollowLinksOutOfTheTreeNorInCircles) {
  shell(
      "mkdir tree other && touch other/1 other/2 && ln -s ../other tree/out && ln -s . tree/circle && touch tree/file");
  EXPECT_EQ(count_below("/tree").files, 3U);
}

TEST_F(RadiusTest, TellsWhatLiesOutsideTheProject) {
  shell("mkdir -p home/project/src home/projector && touch home/project/src/a home/project/b home/projector/c home/d");
  const Radius above = count_below("/home", in_project("/home/project"));
  EXPECT_EQ(above.files, 4U);
  EXPECT_EQ(above.outside_project, 2U);
  EXPECT_EQ(count_below("/home/projector", in_project("/home/project")).outside_project, 1U);
  EXPECT_EQ(count_below("/home/project", in_project("/home/project")).outside_project, 0U);
  EXPECT_EQ(count_below("/home/project/src", in_project("/home/project")).outside_project, 0U);
}

TEST_F(RadiusTest, FilesOfTheSessionDoNotCount) {
  shell("mkdir t && touch t/mine t/yours");
  const FileId mine = sys::id_of(sys::statx(AT_FDCWD, (path_ + "/t/mine").c_str()).value());
  RadiusOptions options = generous();
  options.is_own = [&](const FileId& id) { return id == mine; };
  const Radius radius = count_below("/t", options);
  EXPECT_EQ(radius.files, 1U);
}

TEST_F(RadiusTest, TellsWhatGitDoesNotHold) {
  if (std::system("git --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "git is not installed";
  shell(
      "mkdir -p p/src/deep p/other && cd p && git init -q . && echo 1 >src/held && echo 2 >src/deep/changed && "
      "echo 3 >src/deep/held && echo 4 >other/x && sleep 0.02 && git add -A && echo changed >src/deep/changed && "
      "touch src/untracked && cd ..");
  const auto project = sys::openat(AT_FDCWD, (path_ + "/p").c_str(), O_PATH | O_DIRECTORY).value();
  const auto git = GitIndex::pin(project.get()).value();
  const Radius radius = count_below("/p/src", in_project("/p", &git));
  EXPECT_EQ(radius.files, 4U);
  EXPECT_EQ(radius.not_in_git, 2U);
  // With the project goes the store: what is in git only there is lost.
  const Radius whole = count_below("/p", in_project("/p", &git));
  EXPECT_EQ(whole.not_in_git, whole.files);
  const Radius above = count_below("", in_project("/p", &git));
  EXPECT_EQ(above.not_in_git, above.files);
  const Radius store = count_below("/p/.git", in_project("/p", &git));
  EXPECT_EQ(store.not_in_git, store.files);
}

TEST_F(RadiusTest, ATreeOf10000LevelsIsCountedWithAFewDescriptors) {
  // Made step by step: its path is longer than any path may be.
  int folder = ::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (int i = 0; i < 10000; ++i) {
    ASSERT_EQ(::mkdirat(folder, "d", 0700), 0);
    if (i % 100 == 0) ::close(::openat(folder, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const int next = ::openat(folder, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ::close(folder);
    folder = next;
  }
  ::close(folder);
  // The lowest free number would grow with every descriptor held; the limit makes it an error.
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::size_t open_now = 0;
  DIR* fds = ::opendir("/proc/self/fd");
  while (::readdir(fds) != nullptr) ++open_now;
  ::closedir(fds);
  const rlimit tight{open_now + kOpenFolders + 4, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &tight);
  const Radius radius = count_below("");
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(radius.files, 100U);
  EXPECT_TRUE(radius.complete);
}

TEST_F(RadiusTest, ComesBackUpToManyBranchesAtEveryDepth) {
  std::string deep = path_;
  for (int i = 0; i < 120; ++i) {
    for (const char* name : {"/a", "/b", "/c"}) {
      ASSERT_EQ(::mkdir((deep + name).c_str(), 0700), 0);
      ::close(::open((deep + name + "/f").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    deep += i % 2 == 0 ? "/b" : "/a";
  }
  const Radius radius = count_below("");
  EXPECT_EQ(radius.files, 360U);
  EXPECT_TRUE(radius.complete);
}

TEST_F(RadiusTest, AFolderThatCannotBeReadMakesItAtLeast) {
  shell("mkdir -p t/closed t/open && touch t/closed/x t/open/y && chmod 0 t/closed");
  if (::geteuid() == 0) {
    // Root reads it all the same: act as somebody else.
    ASSERT_EQ(std::system(("chown -R 65534:65534 " + path_).c_str()), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const Radius radius = count_below("/t");
  if (::getuid() == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_EQ(radius.files, 1U);
  EXPECT_FALSE(radius.complete);
}

TEST_F(RadiusTest, WhatIsNoFolderIsAtLeastNothing) {
  shell("touch file");
  const auto file = sys::openat(AT_FDCWD, (path_ + "/file").c_str(), O_PATH).value();
  const Radius radius = count(file.get(), path_ + "/file", generous());
  EXPECT_EQ(radius.files, 0U);
  EXPECT_FALSE(radius.complete);
}

TEST_F(RadiusTest, StopsWhenItsTimeIsUp) {
  shell("for i in $(seq 200); do : >$i; done");
  RadiusOptions options;
  options.budget = std::chrono::nanoseconds(0);
  const Radius radius = count_below("", options);
  EXPECT_LT(radius.files, 200U);
  EXPECT_FALSE(radius.complete);
}

TEST_F(RadiusTest, OtherMountsAreNotEntered) {
  RadiusOptions options;
  options.budget = std::chrono::seconds(2);
  // /dev has mounts of its own nearly everywhere (pts, shm).
  const auto dev = sys::openat(AT_FDCWD, "/dev", O_PATH | O_DIRECTORY).value();
  const Radius radius = count(dev.get(), "/dev", options);
  bool has_mount = false;
  struct stat one {};
  struct stat two {};
  if (::stat("/dev", &one) == 0 && ::stat("/dev/pts", &two) == 0) has_mount = one.st_dev != two.st_dev;
  if (has_mount) {
    EXPECT_FALSE(radius.complete);
  }
}

TEST_F(RadiusTest, ATreeThatIsMovedAndRemovedMeanwhileDoesNoHarm) {
  shell("mkdir -p t/a/b/c/d/e/f u && for i in $(seq 300); do mkdir -p t/a/$i/x; touch t/a/$i/x/y; done");
  std::atomic<bool> stop{false};
  std::thread mover([&] {
    const std::string from = path_ + "/t/a/b";
    const std::string to = path_ + "/u/b";
    while (!stop) {
      ::rename(from.c_str(), to.c_str());
      ::rename(to.c_str(), from.c_str());
    }
  });
  for (int i = 0; i < 50; ++i) EXPECT_LE(count_below("/t").files, 300U);
  stop = true;
  mover.join();
}

}  // namespace
}  // namespace assent::resolve
