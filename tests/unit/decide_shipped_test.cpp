// The profiles that come with the program: they load, and the tests written in them hold.
#include <gtest/gtest.h>

#include "decide/act.h"
#include "decide/frozen.h"
#include "decide/policy.h"
#include "decide/sources.h"

namespace assent::decide {
namespace {

LoadOptions options_for(std::string_view name) {
  LoadOptions out;
  out.layers = Layers::ProfileOnly;
  out.places = {"/home/u/work/proj", "/home/u", "/tmp", "1000"};
  out.profiles = {std::string(name)};
  out.config.clear();
  out.etc = "/nonexistent/assent";
  out.shares.clear();
  return out;
}

TEST(Shipped, TheFourOfEveryDayAreThere) {
  for (const auto* name : {"base", "default", "ci", "readonly"}) {
    EXPECT_TRUE(std::any_of(shipped_profiles().begin(), shipped_profiles().end(), [name](const Shipped& s) {
      return s.name == name;
    })) << name;
  }
}

// A session reads them without their comments and tests: that must change nothing of what they rule.
TEST(Shipped, NothingButTestsFollowsTheFirstTest) {
  for (const auto& shipped : shipped_profiles()) {
    const auto tests = shipped.text.find("\n[[test]]");
    if (tests == std::string_view::npos) continue;
    std::string_view rest = shipped.text.substr(tests + 1);
    while (!rest.empty()) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.starts_with('[')) {
        EXPECT_TRUE(line.starts_with("[[test]]")) << shipped.name << ": " << line;
      }
    }
    EXPECT_EQ(shipped.text.find("\"\"\""), std::string_view::npos) << "a # in a text of several lines is no comment";
    EXPECT_EQ(shipped.text.find("'''"), std::string_view::npos);
  }
}

TEST(Shipped, WithoutTestsAndCommentsTheRulesStandOnTheSameLines) {
  for (const auto& shipped : shipped_profiles()) {
    Problems problems;
    const Profile whole = parse_profile(shipped.text, "a.toml", problems);
    const Profile rules = parse_profile(rules_of(shipped.text), "a.toml", problems);
    EXPECT_TRUE(problems.empty()) << shipped.name;
    EXPECT_TRUE(rules.tests.empty());
    EXPECT_EQ(rules.name, whole.name);
    EXPECT_EQ(rules.description, whole.description);
    ASSERT_EQ(rules.file_rules.size(), whole.file_rules.size()) << shipped.name;
    for (std::size_t i = 0; i < whole.file_rules.size(); ++i)
      EXPECT_EQ(rules.file_rules[i].say.at.line, whole.file_rules[i].say.at.line);
    ASSERT_EQ(rules.net_rules.size(), whole.net_rules.size()) << shipped.name;
    for (std::size_t i = 0; i < whole.net_rules.size(); ++i)
      EXPECT_EQ(rules.net_rules[i].say.at.line, whole.net_rules[i].say.at.line);
    ASSERT_EQ(rules.exec_rules.size(), whole.exec_rules.size()) << shipped.name;
  }
}

// They are parsed when the program is built; a session reads what was made of them then.
TEST(Shipped, WhatIsReadWithoutParsingIsWhatParsingGives) {
  for (const auto& shipped : shipped_profiles()) {
    Problems problems;
    const Profile parsed = parse_profile(rules_of(shipped.text), std::string(shipped.name) + ".toml", problems);
    EXPECT_EQ(freeze(parsed), shipped.rules) << shipped.name;
    const auto thawed = thaw(shipped.rules);
    ASSERT_TRUE(thawed) << shipped.name;
    EXPECT_EQ(freeze(*thawed), shipped.rules) << shipped.name;
    EXPECT_EQ(thawed->file, std::string(shipped.name) + ".toml");
    EXPECT_EQ(thawed->file_rules.size(), parsed.file_rules.size());
    Sources::Link link = Sources({}, Sources::Reading::Rules).chain(shipped.name, problems).front();
    EXPECT_EQ(freeze(link.profile), shipped.rules) << shipped.name;
    EXPECT_TRUE(problems.empty());
  }
}

TEST(Shipped, BytesThatAreNotOneProfileAreNone) {
  const std::string_view whole = shipped_profiles().front().rules;
  for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(thaw(whole.substr(0, length))) << length;
  EXPECT_FALSE(thaw(std::string(whole) + '\0'));
}

TEST(Shipped, EveryProfileLoadsAndItsOwnTestsHold) {
  for (const auto& shipped : shipped_profiles()) {
    const auto policy = Policy::load(options_for(shipped.name));
    if (!policy) {
      for (const auto& problem : policy.error()) ADD_FAILURE() << to_string(problem);
      continue;
    }
    const auto outcomes = run_tests(*policy);
    EXPECT_GE(outcomes.size(), 2u) << shipped.name << " has no tests of its own";
    for (const auto& outcome : outcomes) {
      EXPECT_TRUE(outcome.passed()) << to_string(outcome.test) << ": " << outcome.act << ": expected "
                                    << name(outcome.expected) << ", got " << name(outcome.decision.verdict) << " by "
                                    << to_string(outcome.decision.rule) << " " << outcome.problem;
    }
  }
}

// What sed -i, git add, git commit and git checkout -b do, as strace shows it (git 2.39), must pass without a question.
TEST(Shipped, OrdinaryGitWorkAsksNothing) {
  const auto policy = Policy::load(options_for("default"));
  ASSERT_TRUE(policy);
  struct Step {
    const char* act;
    FactSet facts;
  };
  const FactSet own = bit(Fact::Own);
  const FactSet over = bit(Fact::Replaced);
  const FactSet clean_over = bit(Fact::Replaced) | bit(Fact::Recoverable);
  const Step steps[] = {
      {"create sedCyH6F9", 0},
      {"metadata sedCyH6F9", own},
      {"rename sedCyH6F9", own},
      {"delete README.md", clean_over},
      {"delete README.md", own | over},  // the second sed -i replaces what the first one made
      {"create .git/index.lock", 0},
      {"create .git/objects/58", 0},
      {"create .git/objects/58/tmp_obj_c6VeDA", bit(Fact::OwnFolder)},
      {"create .git/objects/58/7be6b4c3f93f93c489c0111bba5596147a26cb", bit(Fact::OwnFolder)},
      {"delete .git/objects/58/tmp_obj_c6VeDA", own},
      {"metadata .git/objects/0c/fbf08886fca9a91cb753ec8734c84fcbe52c9f", 0},
      {"rename .git/index.lock", own},
      {"delete .git/index", over},
      {"modify .git/COMMIT_EDITMSG", 0},
      {"truncate .git/COMMIT_EDITMSG", 0},
      {"create .git/HEAD.lock", 0},
      {"create .git/refs/heads/main.lock", 0},
      {"modify .git/logs/HEAD", 0},
      {"modify .git/logs/refs/heads/main", 0},
      {"delete .git/refs/heads/main", over},
      {"delete .git/HEAD.lock", own},
      {"create .git/objects/maintenance.lock", 0},
      {"create .git/logs/refs/heads/feature", 0},
      {"create .git/refs/heads/feature", 0},
      {"delete .git/HEAD", over},
      {"delete .git/ORIG_HEAD", over},
      {"delete .git/packed-refs", over},
  };
  for (const auto& step : steps) {
    const std::string act = step.act;
    const std::vector<std::string> words{act.substr(0, act.find(' ')), act.substr(act.find(' ') + 1)};
    const auto request = request_for(*policy, words, {step.facts, 0, 0}, "/home/u/work/proj");
    ASSERT_TRUE(request) << act;
    const auto decision = policy->decide(*request);
    EXPECT_EQ(decision.verdict, Verdict::Allow) << act << " by " << to_string(decision.rule);
  }
}

TEST(Shipped, EveryWayToDestroyAnOnlyCopyAsks) {
  const auto policy = Policy::load(options_for("default"));
  ASSERT_TRUE(policy);
  for (const auto* folder : {"/home/u/work/proj/notes/imp", "/home/u/work/proj/data/app.sqlite",
                             "/home/u/Documents/doc", "/home/u/work/other/o.c"}) {
    for (const auto* operation : {"delete", "rename", "truncate", "modify"}) {
      for (FactSet facts : {FactSet{0}, bit(Fact::Replaced), bit(Fact::OwnFolder)}) {
        if (std::string_view(operation) == "modify") facts |= bit(Fact::Unkept);
        const std::vector<std::string> words{operation, folder};
        const auto request = request_for(*policy, words, {facts, 0, 0}, "/");
        ASSERT_TRUE(request);
        EXPECT_EQ(policy->decide(*request).verdict, Verdict::Ask) << operation << " " << folder;
      }
    }
  }
}

TEST(Shipped, AChangeInTheProjectIsAllowedWhereTheVaultKeepsTheOldContent) {
  const auto policy = Policy::load(options_for("default"));
  ASSERT_TRUE(policy);
  const auto says = [&](const std::string& path, FactSet facts) {
    const std::vector<std::string> words{"modify", path};
    return policy->decide(*request_for(*policy, words, {facts, 0, 0}, "/")).verdict;
  };
  EXPECT_EQ(says("/home/u/work/proj/notes/imp", 0), Verdict::Allow);
  EXPECT_EQ(says("/home/u/work/proj/notes/imp", bit(Fact::Unkept)), Verdict::Ask);
  EXPECT_EQ(says("/home/u/Documents/doc", 0), Verdict::Ask) << "outside the project every change is a question";
}

}  // namespace
}  // namespace assent::decide
