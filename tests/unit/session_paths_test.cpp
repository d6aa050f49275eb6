#include "session/paths.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

namespace assent::session {
namespace {

namespace fs = std::filesystem;

class PathsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/assent-paths.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    top_ = fs::canonical(name);
  }
  void TearDown() override { fs::remove_all(top_); }

  fs::path top_;
};

TEST_F(PathsTest, AProjectIsTheGitTopLevelAboveTheWorkingDirectory) {
  fs::create_directories(top_ / "project/.git");
  fs::create_directories(top_ / "project/a/b");
  fs::create_directories(top_ / "plain/a");
  EXPECT_EQ(project_of(top_ / "project/a/b"), top_ / "project");
  EXPECT_EQ(project_of(top_ / "project"), top_ / "project");
  EXPECT_EQ(project_of(top_ / "plain/a"), top_ / "plain/a");
}

TEST_F(PathsTest, AWorktreesGitFileMarksItsTopLevelToo) {
  fs::create_directories(top_ / "tree/a");
  {
    std::FILE* file = std::fopen((top_ / "tree/.git").c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fclose(file);
  }
  EXPECT_EQ(project_of(top_ / "tree/a"), top_ / "tree");
}

TEST_F(PathsTest, AStateFolderBehindALinkIsHiddenWhereItReallyIs) {
  fs::create_directories(top_ / "real");
  fs::create_directories(top_ / "home");
  fs::create_symlink(top_ / "real", top_ / "home/link");
  ::setenv("HOME", (top_ / "home").c_str(), 1);
  ::setenv("XDG_STATE_HOME", (top_ / "home/link/not-there-yet").c_str(), 1);
  ::setenv("XDG_CONFIG_HOME", "relative/is/ignored", 1);
  ::unsetenv("XDG_RUNTIME_DIR");
  const auto paths = Paths::from_environment();
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->state, top_ / "real/not-there-yet/assent");
  EXPECT_EQ(paths->config, top_ / "home/.config/assent");
  EXPECT_EQ(paths->runtime, "");
}

TEST_F(PathsTest, WithoutAHomeNothingStarts) {
  ::setenv("HOME", "not/absolute", 1);
  const auto paths = Paths::from_environment();
  ASSERT_FALSE(paths);
  EXPECT_EQ(paths.error().code, ENOENT);
}

}  // namespace
}  // namespace assent::session
