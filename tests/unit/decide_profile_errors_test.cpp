// Every message about a broken profile, word for word: tests/golden/profile_errors/NAME.toml and what is said in
// NAME.txt. ASSENT_REWRITE_GOLDEN=1 writes the .txt files anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "decide/profile.h"
#include "decide/rules.h"

namespace assent::decide {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

std::string said_of(const std::string& text, const std::string& file) {
  Problems problems;
  const Profile profile = parse_profile(text, file, problems);
  RuleLists().append(profile, {"/home/u/proj", "/home/u", "/tmp", "1000"}, {}, problems);
  arrange(problems);
  std::string out;
  for (const auto& problem : problems) out += to_string(problem) + "\n";
  return out;
}

TEST(ProfileErrors, AreToldWithFileLineAndColumnWordForWord) {
  const fs::path folder = fs::path(ASSENT_SOURCE_DIR) / "tests/golden/profile_errors";
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    const std::string said = said_of(contents(entry.path()), entry.path().filename().string());
    fs::path golden = entry.path();
    golden.replace_extension(".txt");
    if (std::getenv("ASSENT_REWRITE_GOLDEN") != nullptr) std::ofstream(golden) << said;
    EXPECT_EQ(said, contents(golden)) << entry.path();
    EXPECT_FALSE(said.empty()) << entry.path();
    ++compared;
  }
  EXPECT_GE(compared, 7);
}

TEST(ProfileErrors, WhatIsNotTextIsAProblemAndNotACrash) {
  EXPECT_NE(said_of(std::string("\xff\xfe\x00", 3), "p.toml"), "");
  EXPECT_NE(said_of(std::string(2 << 20, '#'), "p.toml"), "");
  EXPECT_NE(said_of(std::string(100000, '['), "p.toml"), "");
  EXPECT_NE(said_of("version = 1\nx = " + std::string(100000, '[') + "\n", "p.toml"), "");
  for (const auto* header : {"[=]", "[[=]]", "[ .]", "[\x01]", "[,", "x = \u03c7", "[\u00e9]", "\u3001 = 1", "\ufe70"})
    EXPECT_NE(said_of(header, "p.toml"), "") << header;
}

TEST(ProfileErrors, AHostileKeyIsShownEscaped) {
  const std::string said = said_of("version = 1\n\"\\u001b[2J\" = 1\n", "p.toml");
  EXPECT_EQ(said.find('\x1b'), std::string::npos);
  EXPECT_NE(said.find("p.toml:2:1"), std::string::npos) << said;
}

TEST(Profile, TheContractsExampleIsReadWhole) {
  Problems problems;
  const Profile profile = parse_profile(R"(
version = 1
name = "x"
approvers = ["ana"]
project_may = "tighten"
[defaults]
unmatched = "deny"
timeout = "90s"
confirm_over = 7
mode = "plan"
[filesystem]
gated = ["${PROJECT}"]
free = ["~/.cache/pip"]
private = ["/tmp"]
hide = [".env"]
read = ["/"]
[environment]
pass = ["PATH", "LC_*"]
set = { A = "b" }
[[file]]
ops = ["delete", "rename"]
paths = ["/**"]
when = ["own"]
larger = "10M"
action = "ask"
reason = "r"
errno = "EROFS"
quorum = 2
approvers = ["ana", "group:ops"]
not_self = true
timeout = "1m"
confirm_over = 3
[[net]]
hosts = ["*.npmjs.org:443"]
action = "allow"
udp = false
sni = "match"
[[exec]]
argv = ["terraform", "destroy|apply"]
action = "ask"
[vault]
keep = true
max_file = "2G"
max_total = "20G"
retention = "14d"
[limits]
memory = "8G"
processes = 4096
cpu = "400%"
open_files = 65536
[notify]
desktop = true
bell = false
command = ["notify-send"]
[[test]]
act = "delete /x"
when = ["own"]
size = "1K"
hits = 3
expect = "deny"
)",
                                        "x.toml", problems);
  for (const auto& problem : problems) ADD_FAILURE() << to_string(problem);
  ASSERT_EQ(profile.file_rules.size(), 1u);
  const FileRule& rule = profile.file_rules[0];
  EXPECT_EQ(rule.say.at.line, 20);
  EXPECT_EQ(rule.operations, bit(Operation::Delete) | bit(Operation::Rename));
  EXPECT_EQ(rule.larger, 10ULL << 20);
  EXPECT_EQ(rule.say.error, EROFS);
  EXPECT_EQ(rule.say.quorum, 2u);
  EXPECT_TRUE(rule.say.not_self);
  EXPECT_EQ(rule.say.timeout, std::chrono::seconds(60));
  EXPECT_EQ(profile.mode->value, Mode::Plan);
  EXPECT_EQ(profile.limits.cpu, 400u);
  EXPECT_EQ(profile.vault.retention, std::chrono::hours(24 * 14));
  EXPECT_TRUE(profile.net_rules.at(0).sni);
  EXPECT_EQ(profile.tests.at(0).hits, 3u);
  EXPECT_EQ(profile.tests.at(0).expect, Verdict::Deny);
}

}  // namespace
}  // namespace assent::decide
