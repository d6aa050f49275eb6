#include "resolve/git_config.h"

#include <gtest/gtest.h>

#include <vector>

namespace assent::resolve {
namespace {

std::vector<GitSetting> parse_git_config(std::string_view text) {
  std::vector<GitSetting> out;
  each_git_setting(text, [&out](const GitSetting& setting) {
    out.push_back(setting);
    return true;
  });
  return out;
}

GitSetting only(std::string_view text) {
  const auto settings = parse_git_config(text);
  EXPECT_EQ(settings.size(), 1U) << text;
  return settings.empty() ? GitSetting{} : settings[0];
}

TEST(GitConfig, ReadsWhatGitReads) {
  EXPECT_EQ(only("[core]\n\tfsmonitor = ./x\n").name(), "core.fsmonitor");
  EXPECT_EQ(only("[CORE]FsMonitor=./x").name(), "core.fsmonitor");
  EXPECT_EQ(only("\xef\xbb\xbf[core] fsmonitor = ./x # why").value, "./x");
  EXPECT_EQ(only("[filter \"a \\\"b\"]\r\n  clean = sh -c \"echo ; #\"  ; end\r\n").name(), "filter.a \"b.clean");
  EXPECT_EQ(only("[filter \"a\"]\r\n  clean = sh -c \"echo ; #\"  ; end\r\n").value, "sh -c echo ; #");
  EXPECT_EQ(only("[filter.lfs]\nclean = a \\\n  b\n").value, "a   b");
  EXPECT_EQ(only("[filter.lfs]\nclean = a\n").subsection, "lfs");
  EXPECT_TRUE(only("[core]\n bare\n").bare);
  EXPECT_EQ(parse_git_config("# [core] fsmonitor = x\n;y\n[core]\na=1\nb=2\n").size(), 2U);
}

TEST(GitConfig, ReadsAnythingWithoutHarm) {
  for (const char* text :
       {"", "[", "[core", "[core \"", "[core \"\\", "[core]\nx=\\", "[core]\nx=\"", "=", "]", "\r", "x"})
    (void)parse_git_config(text);
}

// As a file of a megabyte may say it: each of the keys with the whole section is more than there is memory.
TEST(GitConfig, ALongSectionWithManyKeysTakesNoMoreMemoryThanTheFile) {
  std::string text = "[filter \"" + std::string(500'000, 'x') + "\"]\n";
  for (int i = 0; i < 200'000; ++i) text += "a\n";
  std::size_t settings = 0;
  each_git_setting(text, [&](const GitSetting& setting) {
    settings += setting.subsection.size() == 500'000;
    return true;
  });
  EXPECT_EQ(settings, 200'000U);
}

TEST(GitConfig, StopsWhereEnoughIsSaid) {
  int settings = 0;
  each_git_setting("[a]\nb=1\nc=2\nd=3\n", [&](const GitSetting&) { return ++settings < 2; });
  EXPECT_EQ(settings, 2);
}

TEST(GitConfig, KnowsWhatNamesAProgram) {
  for (const char* text :
       {"[core]fsmonitor=./x", "[core]hooksPath=h", "[core]pager=sh", "[core]sshCommand=x", "[alias]s=!x",
        "[filter \"x\"]clean=x", "[diff \"x\"]textconv=x", "[diff]external=x", "[merge \"x\"]driver=x", "[pager]log=x",
        "[credential]helper=!x", "[credential \"https://h\"]helper=/x", "[gpg \"ssh\"]program=x",
        "[remote \"o\"]url=\"ext::sh -c x\"", "[url \"ext::sh -c x\"]insteadOf=https://", "[submodule \"s\"]update=!x",
        "[hook \"x\"]command=x", "[init]templateDir=x", "[remote \"o\"]uploadpack=x"})
    EXPECT_TRUE(names_program(only(text))) << text;
  for (const char* text :
       {"[core]fsmonitor=true", "[core]fsmonitor", "[core]pager=less", "[core]editor=vim", "[pager]log=false",
        "[alias]s=status", "[user]name=x", "[remote \"o\"]url=https://h/x", "[remote \"o\"]url=git@h:x",
        "[credential]helper=store", "[filter \"lfs\"]clean=git-lfs clean -- %f", "[submodule \"s\"]update=merge"})
    EXPECT_FALSE(names_program(only(text))) << text;
  EXPECT_TRUE(is_include(only("[include]path=x")));
  EXPECT_TRUE(is_include(only("[includeIf \"gitdir:/x\"]path=x")));
}

}  // namespace
}  // namespace assent::resolve
