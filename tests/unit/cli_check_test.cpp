// assent check and assent profile, called as the program calls them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/exit_status.h"
#include "cli/verbs.h"

namespace assent::cli {
namespace {

namespace fs = std::filesystem;

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/var/tmp/assent-check.XXXXXX";
    root_ = ::mkdtemp(name);
    fs::create_directories(root_ + "/home/.ssh");
    fs::create_directories(root_ + "/proj/.git");
    fs::create_directories(root_ + "/proj/src");
    for (const auto* variable : {"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"}) {
      const char* value = std::getenv(variable);
      saved_.emplace_back(variable, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
      ::unsetenv(variable);
    }
    ::setenv("HOME", (root_ + "/home").c_str(), 1);
  }
  void TearDown() override {
    for (const auto& [variable, value] : saved_) {
      if (value) {
        ::setenv(variable.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(variable.c_str());
      }
    }
    fs::remove_all(root_);
  }

  int run(int (*verb)(Arguments), std::vector<std::string> words) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int status = verb(words);
    std::fflush(nullptr);
    out_ = ::testing::internal::GetCapturedStdout();
    error_ = ::testing::internal::GetCapturedStderr();
    return status;
  }
  int check(std::vector<std::string> words) {
    words.insert(words.begin(), {"-C", root_ + "/proj"});
    return run(check_main, std::move(words));
  }
  int profile(std::vector<std::string> words) {
    words.insert(words.end(), {"-C", root_ + "/proj"});
    return run(profile_main, std::move(words));
  }

  std::string root_;
  std::string out_;
  std::string error_;
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST_F(CheckTest, SaysTheVerdictTheRuleAndTheReason) {
  EXPECT_EQ(check({"delete", root_ + "/proj/src/a.c"}), kNegative);
  EXPECT_TRUE(out_.starts_with("ask delete " + root_ + "/proj/src/a.c (default.toml:")) << out_;
  EXPECT_NE(out_.find("removes work that was here before"), std::string::npos);
  EXPECT_EQ(check({"--own", "delete", root_ + "/proj/src/a.c"}), kOk);
  EXPECT_EQ(check({"--recoverable", "--replaced", "delete", root_ + "/proj/src/a.c"}), kOk);
  EXPECT_EQ(check({"delete", root_ + "/home/.ssh/id"}), kNegative);
  EXPECT_TRUE(out_.starts_with("deny ")) << out_;
  EXPECT_NE(out_.find("[EACCES]"), std::string::npos) << out_;
}

TEST_F(CheckTest, AFolderBehindASymbolicLinkIsCalledByItsRealName) {
  fs::create_directory_symlink(root_ + "/home/.ssh", root_ + "/proj/link");
  EXPECT_EQ(check({"create", root_ + "/proj/link/authorized_keys"}), kNegative);
  EXPECT_NE(out_.find("/home/.ssh/authorized_keys"), std::string::npos) << out_;
}

TEST_F(CheckTest, WordsOfTheCommandAreNotOptions) {
  EXPECT_EQ(check({"exec", "rm", "--own", "-rf", "x"}), kOk);
  EXPECT_NE(out_.find("rm --own -rf x"), std::string::npos) << out_;
}

TEST_F(CheckTest, BadUsageAndBrokenProfilesHaveStatusesOfTheirOwn) {
  EXPECT_EQ(check({}), kUsage);
  EXPECT_EQ(check({"erase", "x"}), kUsage);
  EXPECT_EQ(check({"--nonsense", "delete", "x"}), kUsage);
  EXPECT_EQ(check({"connect", "nowhere"}), kUsage);
  EXPECT_EQ(check({"-p", "nonesuch", "delete", "x"}), kFailed);
  EXPECT_NE(error_.find("there is no profile of that name"), std::string::npos) << error_;
  EXPECT_EQ(run(check_main, {"--help"}), kOk);
}

TEST_F(CheckTest, JsonHoldsTheDecision) {
  EXPECT_EQ(check({"--json", "connect", "192.0.2.1:443"}), kNegative);
  EXPECT_NE(out_.find("\"verdict\":\"ask\""), std::string::npos) << out_;
  EXPECT_EQ(check({"--json", "delete", root_ + "/proj/\xff\n"}), kNegative);
  EXPECT_NE(out_.find("\\\\xff"), std::string::npos) << out_;
}

TEST_F(CheckTest, ProfilesListShowLintAndTest) {
  EXPECT_EQ(profile({"ls"}), kOk);
  EXPECT_NE(out_.find("readonly"), std::string::npos);
  EXPECT_EQ(profile({"show"}), kOk);
  EXPECT_NE(out_.find("default.toml:"), std::string::npos);
  EXPECT_EQ(profile({"show", "--json", "ci"}), kOk);
  EXPECT_EQ(profile({"lint", "default", "base", "ci", "readonly", "freeze"}), kOk) << out_;
  EXPECT_EQ(profile({"test"}), kOk) << out_;
  EXPECT_EQ(profile({"dance"}), kUsage);
  EXPECT_EQ(profile({}), kUsage);
}

TEST_F(CheckTest, LintFindsWhatIsWrongAndWhatDoesNotHold) {
  std::ofstream(root_ + "/bad.toml") << "version = 1\nnonsense = 1\n";
  EXPECT_EQ(profile({"lint", root_ + "/bad.toml"}), kNegative);
  EXPECT_NE(out_.find("bad.toml:2:1: unknown key"), std::string::npos) << out_;
  std::ofstream(root_ + "/wrong.toml") << "version = 1\n[[test]]\nact = \"delete /x\"\nexpect = \"allow\"\n";
  EXPECT_EQ(profile({"lint", root_ + "/wrong.toml"}), kNegative);
  EXPECT_NE(out_.find("wrong.toml:2: delete /x: expected allow, got ask"), std::string::npos) << out_;
}

TEST_F(CheckTest, InitCreatesAProfileThatLintsAndNeverOverwrites) {
  EXPECT_EQ(profile({"init"}), kOk) << error_;
  EXPECT_EQ(profile({"lint"}), kOk) << out_;
  std::ofstream(root_ + "/proj/.assent.toml") << "version = 1\n";
  EXPECT_EQ(profile({"init"}), kNegative);
  EXPECT_EQ(fs::file_size(root_ + "/proj/.assent.toml"), 12u);
}

}  // namespace
}  // namespace assent::cli
