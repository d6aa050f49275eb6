#include "decide/rule_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decide/pattern.h"
#include "decide/profile.h"

namespace assent::decide {
namespace {

using testing::HasSubstr;

Question question(const std::string& object, const std::string& operation = "delete") {
  Question out;
  out.operation = operation;
  out.object = object;
  return out;
}

// The rule alone, as a profile.
Profile parsed(const std::string& rule) {
  Problems problems;
  Profile out = parse_profile("version = 1\nname = \"x\"\n" + rule, "x.toml", problems);
  for (const auto& problem : problems) ADD_FAILURE() << to_string(problem) << "\n" << rule;
  return out;
}

const std::vector<std::string> kHostile{"/p/a'] action = 'allow' #",
                                        "/p/\"\"\"",
                                        "/p/'''\n[[file]]\nops=['delete']\npaths=['/**']\naction='allow'\n",
                                        "/p/${HOME}",
                                        "/p/*",
                                        "/p/{a,b}",
                                        "/p/[a-z]?",
                                        "/p/~",
                                        "/p/a\\",
                                        "/p/\\x41",
                                        "/p/\xff\xfe",
                                        "/p/\x1b[2J",
                                        "/p/#x",
                                        "/p/\xe2\x80\xae.",
                                        "/p/a\r\n",
                                        "/p/caf\xc3\xa9"};

TEST(RuleText, APatternOfANameMatchesThatNameAndNothingElse) {
  const Places places{"/p", "/home/u", "/tmp", "1"};
  for (const auto& name : kHostile) {
    const auto pattern = Pattern::compile(literal_glob(name), Pattern::Over::Path, places);
    ASSERT_TRUE(pattern) << name;
    EXPECT_TRUE(pattern->matches(name)) << name;
    EXPECT_EQ(pattern->literal(), name);
    for (const auto& other : kHostile) EXPECT_EQ(pattern->matches(other), other == name) << name << " / " << other;
  }
}

TEST(RuleText, NoNameBreaksOutOfTheRule) {
  for (const auto& name : kHostile) {
    for (const auto& hostile : kHostile) {
      const auto rule = allowing_rule(question(name), hostile, hostile);
      ASSERT_TRUE(rule) << rule.error();
      const Profile profile = parsed(*rule);
      ASSERT_EQ(profile.file_rules.size(), 1u) << *rule;
      EXPECT_TRUE(profile.net_rules.empty() && profile.exec_rules.empty() && profile.tests.empty());
      EXPECT_EQ(profile.file_rules[0].operations, bit(Operation::Delete));
      ASSERT_EQ(profile.file_rules[0].paths.size(), 1u);
      EXPECT_EQ(profile.file_rules[0].paths[0].value, literal_glob(name));
    }
  }
}

TEST(RuleText, ARuleAboutDatagramsSaysSo) {
  const Profile udp = parsed(allowing_rule(question("udp:[2001:db8::1]:123", "connect"), "r", "c").value());
  ASSERT_EQ(udp.net_rules.size(), 1u);
  EXPECT_EQ(udp.net_rules[0].udp, true);
  EXPECT_FALSE(parsed(allowing_rule(question("a.test:123", "connect"), "r", "c").value()).net_rules[0].udp);
  EXPECT_FALSE(allowing_rule(question("udp:unix:/x", "connect"), "r", "c"));
}

TEST(RuleText, ATreeThatWasShownIsAllowedWholly) {
  auto asked = question("/p/build/a.o");
  asked.radius.emplace();
  asked.radius->root = "/p/build";
  const Profile profile = parsed(allowing_rule(asked, "r", "c").value());
  ASSERT_EQ(profile.file_rules[0].paths.size(), 2u);
  EXPECT_EQ(profile.file_rules[0].paths[0].value, "/p/build");
  EXPECT_EQ(profile.file_rules[0].paths[1].value, "/p/build/**");
  for (const std::string root : {"/", "/q", "/p/build/a.o.d"}) {
    asked.radius->root = root;
    EXPECT_EQ(parsed(allowing_rule(asked, "r", "c").value()).file_rules[0].paths.size(), 1u)
        << root << " does not hold the object, or holds all";
  }
}

TEST(RuleText, AHostIsAllowedWithItsPort) {
  for (const std::string host : {"example.org:443", "192.0.2.1:22", "[2001:db8::1]:443"}) {
    const Profile profile = parsed(allowing_rule(question(host, "connect"), "r", "c").value());
    ASSERT_EQ(profile.net_rules.size(), 1u);
    EXPECT_EQ(profile.net_rules[0].hosts[0].value, host);
  }
  const Profile profile = parsed(allowing_rule(question("unix:/run/a b'.sock", "connect"), "r", "c").value());
  EXPECT_EQ(profile.net_rules[0].hosts[0].value, "unix:/run/a b\\x27.sock");
  for (const std::string host : {"*:443", "a'b:443", "example.org", ":443", "example.org:44x", "a\nb:1"})
    EXPECT_FALSE(allowing_rule(question(host, "connect"), "r", "c")) << host;
}

TEST(RuleText, AProgramIsNotAllowedByWhatAQuestionShows) {
  EXPECT_FALSE(allowing_rule(question("/usr/bin/terraform", "exec"), "r", "c"));
}

TEST(RuleText, CommentsAndOrderOfTheProfileStay) {
  const std::string profile =
      "# mine\nversion = 1\n\n[[file]]   # one\nops = [\"modify\"]\n\n# about two\n# more\n[[file]]\nops = "
      "[\"delete\"]\n# end";
  const std::string rule = "# new\n[[file]]\n";
  EXPECT_EQ(with_rule(profile, rule, 9),
            "# mine\nversion = 1\n\n[[file]]   # one\nops = [\"modify\"]\n\n# new\n[[file]]\n\n# about two\n# "
            "more\n[[file]]\nops = [\"delete\"]\n# end");
  EXPECT_EQ(with_rule(profile, rule, 0), profile + "\n\n# new\n[[file]]\n");
  EXPECT_THAT(with_rule(profile, rule, 4), HasSubstr("version = 1\n\n# new\n[[file]]\n\n[[file]]   # one"));
  EXPECT_EQ(with_rule("", rule, 0), "\n" + rule);
}

TEST(RuleText, ANewProfileAddsToTheOneOfItsName) {
  Problems problems;
  const Profile profile = parse_profile(new_profile("claude"), "claude.toml", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(profile.extends.at(0).value, "claude");
}

}  // namespace
}  // namespace assent::decide
