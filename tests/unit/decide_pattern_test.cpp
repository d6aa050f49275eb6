#include "decide/pattern.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace assent::decide {
namespace {

const Places kPlaces{"/home/u/proj [x]*", "/home/u", "/tmp", "1000"};

bool matches(std::string_view pattern, std::string_view path) {
  const auto compiled = Pattern::compile(pattern, Pattern::Over::Path, kPlaces);
  EXPECT_TRUE(compiled) << pattern << ": " << (compiled ? "" : compiled.error());
  return compiled && compiled->matches(path);
}

std::string error_of(std::string_view pattern, Pattern::Over over = Pattern::Over::Path) {
  const auto compiled = Pattern::compile(pattern, over, kPlaces);
  return compiled ? "" : compiled.error();
}

TEST(Pattern, ALiteralPathMatchesItselfOnly) {
  EXPECT_TRUE(matches("/a/b", "/a/b"));
  EXPECT_FALSE(matches("/a/b", "/a/b/c"));
  EXPECT_FALSE(matches("/a/b", "/a/bc"));
  EXPECT_TRUE(matches("/", "/"));
}

TEST(Pattern, OneStarStaysInItsComponentAndTwoDoNot) {
  EXPECT_TRUE(matches("/a/*/c", "/a/b/c"));
  EXPECT_FALSE(matches("/a/*/c", "/a/b/b/c"));
  EXPECT_TRUE(matches("/a/**/c", "/a/b/b/c"));
  EXPECT_TRUE(matches("/a/**/c", "/a/c"));
  EXPECT_FALSE(matches("/a/**/c", "/a/bc"));
  EXPECT_TRUE(matches("/a/**/*.c", "/a/x.c"));
  EXPECT_TRUE(matches("/a/**/*.c", "/a/b/x.c"));
  EXPECT_TRUE(matches("/a/*", "/a/.hidden"));
}

TEST(Pattern, AFolderWithTwoStarsMeansWhatIsBelowItAndNotTheFolder) {
  EXPECT_TRUE(matches("/a/**", "/a/b"));
  EXPECT_TRUE(matches("/a/**", "/a/b/c"));
  EXPECT_FALSE(matches("/a/**", "/a"));
  EXPECT_FALSE(matches("/a/**", "/ab"));
  EXPECT_TRUE(matches("/**", "/a"));
  EXPECT_FALSE(matches("/**", "/"));
}

TEST(Pattern, APlainNameMatchesAtAnyDepth) {
  EXPECT_TRUE(matches(".env", "/x/y/.env"));
  EXPECT_FALSE(matches(".env", "/x/y/.env/z"));
  EXPECT_TRUE(matches("*.pem", "/x/key.pem"));
  EXPECT_FALSE(matches("*.pem", "/x.pem/key"));
  EXPECT_TRUE(matches("**/.git/config", "/x/.git/config"));
  EXPECT_TRUE(matches("**/id", "/id"));
  EXPECT_TRUE(matches("{a,b}", "/x/b"));
}

TEST(Pattern, TheFastWaysMeanTheSameAsTheGlobTheyStandFor) {
  EXPECT_TRUE(matches("**/.git/config", "/.git/config"));
  EXPECT_TRUE(matches("**/.git/config", "/a/b/.git/config"));
  EXPECT_FALSE(matches("**/.git/config", "/a/x.git/config"));
  EXPECT_FALSE(matches("**/.git/config", "/a/.git/config/x"));
  EXPECT_TRUE(matches("/a/**/b/c", "/a/b/c"));
  EXPECT_TRUE(matches("/a/**/b/c", "/a/x/b/c"));
  EXPECT_FALSE(matches("/a/**/b/c", "/b/c"));
  EXPECT_FALSE(matches("/a/**/a/b", "/a/b"));
  EXPECT_FALSE(matches("/a/b/**/b/c", "/a/b/c"));
  EXPECT_FALSE(matches("/a/**/b", "/ab/b"));
  EXPECT_TRUE(matches("**/.git/hooks/**", "/.git/hooks/x"));
  EXPECT_TRUE(matches("**/.git/hooks/**", "/p/.git/hooks/x/y"));
  EXPECT_FALSE(matches("**/.git/hooks/**", "/p/.git/hooks"));
}

TEST(Pattern, MatchingAboveMeansThePathOrAFolderThatItLiesIn) {
  constexpr std::string_view kPatterns[] = {"/a",  "/a/b", "/a/**",   "b",      "**/b",  "**/a/b", "/a/**/b", "/a/*/b",
                                            "*.c", "/**",  "/*.c/**", "[ab].c", "/a*/b", "/",      "a.*",     "**/*.c"};
  std::mt19937 random(11);
  int matched = 0;
  for (const auto pattern : kPatterns) {
    const auto compiled = Pattern::compile(pattern, Pattern::Over::Path, kPlaces);
    ASSERT_TRUE(compiled) << pattern;
    for (int round = 0; round < 2000; ++round) {
      std::string path;
      for (auto depth = random() % 5; depth > 0; --depth) {
        path += '/';
        path += std::array{"a", "b", "ab", "b.c", "x"}[random() % 5];
      }
      bool above = false;
      for (std::string part = path; part.size() > 1; part.resize(part.rfind('/'))) above |= compiled->matches(part);
      if (path.empty()) path = "/";
      ASSERT_EQ(compiled->matches_above(path), above) << pattern << " above " << path;
      matched += above ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 1000);
}

TEST(Pattern, SetsAndBracesChoose) {
  EXPECT_TRUE(matches("/[a-c]x", "/bx"));
  EXPECT_FALSE(matches("/[a-c]x", "/dx"));
  EXPECT_TRUE(matches("/[!a-c]x", "/dx"));
  EXPECT_FALSE(matches("/a[!b]c", "/a/c"));
  EXPECT_FALSE(matches("/a[.-0]c", "/a/c"));
  EXPECT_TRUE(matches("/[]]", "/]"));
  EXPECT_TRUE(matches("/{a,b{1,2}}/c", "/b2/c"));
  EXPECT_FALSE(matches("/{a,b{1,2}}/c", "/b/c"));
  EXPECT_TRUE(matches("/x{,.bak}", "/x"));
}

TEST(Pattern, PathsAreBytes) {
  EXPECT_TRUE(matches("/?", "/\xff"));
  EXPECT_FALSE(matches("/?", "/\xc3\xa9"));  // two bytes
  EXPECT_TRUE(matches("/*", "/\xc3\xa9\n\x01"));
  EXPECT_TRUE(matches("/a/**/z", "/a/\n/\xfe/z"));
  EXPECT_TRUE(matches("/\\xff", "/\xff"));
  EXPECT_TRUE(matches("/[\\x80-\\xff]", "/\x90"));
  EXPECT_TRUE(matches("/\\*", "/*"));
  EXPECT_FALSE(matches("/\\*", "/a"));
}

TEST(Pattern, VariablesStandForTheirValueAndAreNeverReadAsAGlob) {
  EXPECT_TRUE(matches("${PROJECT}/**", "/home/u/proj [x]*/a"));
  EXPECT_FALSE(matches("${PROJECT}/**", "/home/u/proj x/a"));
  EXPECT_TRUE(matches("${PROJECT}/*.c", "/home/u/proj [x]*/a.c"));
  EXPECT_TRUE(matches("~/.ssh", "/home/u/.ssh"));
  EXPECT_TRUE(matches("~", "/home/u"));
  EXPECT_TRUE(matches("/run/user/${UID}/*", "/run/user/1000/bus"));
  EXPECT_TRUE(matches("/a~", "/a~"));
  EXPECT_TRUE(matches("/$x", "/$x"));
}

TEST(Pattern, WhatCannotMatchIsAnError) {
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of("a/b"), "");
  EXPECT_NE(error_of("/a/"), "");
  EXPECT_NE(error_of("/a//b"), "");
  EXPECT_NE(error_of("/a/../b"), "");
  EXPECT_NE(error_of("/a/./b"), "");
  EXPECT_NE(error_of(".."), "");
  EXPECT_NE(error_of("/a["), "");
  EXPECT_NE(error_of("/a{b"), "");
  EXPECT_NE(error_of("/a}"), "");
  EXPECT_NE(error_of("/[b-a]"), "");
  EXPECT_NE(error_of("/[/]"), "");
  EXPECT_NE(error_of("/a\\"), "");
  EXPECT_NE(error_of("/\\xg0"), "");
  EXPECT_NE(error_of("${NOWHERE}/a"), "");
  EXPECT_NE(error_of("${PROJECT"), "");
  EXPECT_NE(error_of("/{{{{{{{{{a}}}}}}}}}"), "");
  EXPECT_NE(error_of("/" + std::string(5000, 'a')), "");
}

TEST(Pattern, AHugePatternIsRefusedAndDoesNotEatMemory) {
  std::string pattern = "/";
  for (int i = 0; i < 400; ++i) pattern += "{a,b,c}*";
  const auto compiled = Pattern::compile(pattern, Pattern::Over::Path, kPlaces);
  if (compiled) {
    EXPECT_FALSE(compiled->matches("/x"));
  }
}

TEST(Pattern, ArgumentsHaveNoSlashesToRespect) {
  const auto compiled = Pattern::compile("s3://*|gs:*", Pattern::Over::Argument, {});
  ASSERT_TRUE(compiled);
  EXPECT_TRUE(compiled->matches("s3://bucket/a/b"));
  EXPECT_TRUE(compiled->matches("gs:x"));
  EXPECT_FALSE(compiled->matches("xgs:x"));
}

TEST(Pattern, CoversSaysYesOnlyWhereItIsSure) {
  const auto make = [](std::string_view text) { return *Pattern::compile(text, Pattern::Over::Path, kPlaces); };
  EXPECT_TRUE(make("/**").covers(make("/a/*.c")));
  EXPECT_FALSE(make("/**").covers(make("/")));
  EXPECT_TRUE(make("/a/**").covers(make("/a/b/**")));
  EXPECT_TRUE(make("/a/**").covers(make("/a/b")));
  EXPECT_TRUE(make("/a/**").covers(make("/a/*")));
  EXPECT_FALSE(make("/a/**").covers(make("/a")));
  EXPECT_FALSE(make("/a/b/**").covers(make("/a/**")));
  EXPECT_FALSE(make("/a/**").covers(make("x")));
  EXPECT_TRUE(make("*.c").covers(make("/a/x.c")));
  EXPECT_FALSE(make("/*.c").covers(make("*.c")));
}

// fnmatch(3) with FNM_PATHNAME means the same by *, ? and sets of plain letters.
TEST(Pattern, AgreesWithFnmatchWhereTheLanguagesAreTheSame) {
  std::mt19937 random(7);
  const auto pick = [&random](std::string_view from) { return from[random() % from.size()]; };
  int matched = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string pattern = "/";
    for (auto i = random() % 6; i > 0; --i) {
      switch (random() % 6) {
        case 0:
          pattern += '*';
          break;
        case 1:
          pattern += '?';
          break;
        case 2:
          pattern += "[a-b]";
          break;
        case 3:
          pattern += "[!a]";
          break;
        default:
          pattern += pick("abc");
          break;
      }
      if (pattern.ends_with("**")) pattern.pop_back();
      if (random() % 5 == 0) pattern += "/";
    }
    pattern += "a";
    if (pattern.find("//") != std::string::npos) continue;
    std::string path = "/";
    for (auto i = random() % 7; i > 0; --i) path += pick("abc/");
    path += "a";
    if (path.find("//") != std::string::npos) continue;
    const bool theirs = ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
    ASSERT_EQ(matches(pattern, path), theirs) << pattern << " on " << path;
    matched += theirs ? 1 : 0;
  }
  EXPECT_GT(matched, 100);
}

}  // namespace
}  // namespace assent::decide
