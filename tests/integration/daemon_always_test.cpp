// assent approve --always: an answer that becomes a rule of the user's profile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"
#include "support/tmux.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Daemon = DaemonWorld::Daemon;

class Always : public AsEveryone {
 protected:
  static std::string own_profile(const World& world) { return world.home + "/.config/assent/profiles/default.toml"; }
};
INSTANTIATE_TEST_SUITE_P(Users, Always, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(Always, TheSameActIsNotAskedInTheNextSession) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome = world.session("rm -r keep", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    // Not without a second yes.
    auto said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always"}));
    EXPECT_EQ(said.status, 2) << said.out;
    EXPECT_THAT(said.out, HasSubstr("[[file]]\n"));
    EXPECT_THAT(said.err, HasSubstr("--yes"));
    EXPECT_FALSE(there(own_profile(world)));
    EXPECT_TRUE(there(world.project + "/keep/f"));
    said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--yes"}));
    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_THAT(said.out, HasSubstr("'" + world.project + "/keep/**'"));
    EXPECT_THAT(said.out, HasSubstr(own_profile(world) + ":"));
  });
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_FALSE(there(world.project + "/keep"));
  EXPECT_EQ(world.assent({"profile", "lint"}).status, 0) << get(own_profile(world));

  put(world.project + "/keep/f", "again");
  put(world.project + "/keep2/f", "beside it");
  world.give();
  const auto again = world.run({assent_binary(), "run", "--headless", "--", "sh", "-c", "rm -r keep; rm -r keep2"});
  EXPECT_FALSE(there(world.project + "/keep")) << again.err;
  EXPECT_TRUE(there(world.project + "/keep2/f")) << "the control: what was not shown";
  EXPECT_THAT(world.assent({"log", "last"}).out, HasSubstr("profiles/default.toml:"));
}

// For programs that show the rule themselves: what was sealed is what is written, or nothing is.
TEST_P(Always, ASealedRuleIsWrittenAsItWasShownOrNotAtAll) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome = world.session("rm -r keep", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    const auto shown = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--dry-run"}));
    EXPECT_EQ(shown.status, 0) << shown.err;
    const Json rule = Json::parse(shown.out);
    EXPECT_EQ(rule["path"], own_profile(world));
    EXPECT_EQ(rule["new"], true);
    EXPECT_THAT(rule["rule"].get<std::string>(), HasSubstr("'" + world.project + "/keep/**'"));
    EXPECT_FALSE(there(own_profile(world)));
    EXPECT_EQ(world.pending().size(), 1u) << "nothing was answered";

    const std::string seal = rule["seal"];
    const std::string other = (seal[0] == '0' ? "1" : "0") + seal.substr(1);
    auto said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--seal", other}));
    EXPECT_EQ(said.status, 1) << said.out;
    EXPECT_THAT(said.err, HasSubstr("not the one that was shown"));
    // The same rule, but in another place.
    put(own_profile(world), "version = 1\nname = \"default\"\nextends = [\"default\"]\n");
    world.give();
    said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--seal", seal}));
    EXPECT_EQ(said.status, 1) << said.out;
    EXPECT_TRUE(there(world.project + "/keep/f"));
    fs::remove(own_profile(world));
    said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--seal", seal, "--from", "a test"}));
    EXPECT_EQ(said.status, 0) << said.err;
  });
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_FALSE(there(world.project + "/keep"));
  EXPECT_THAT(get(own_profile(world)), HasSubstr("/keep/**'"));
  EXPECT_THAT(world.assent({"log", "last", "--json"}).out, HasSubstr("approve --always from a test"));
  for (const char* option : {"--dry-run", "--seal=x"}) EXPECT_EQ(world.assent({"approve", "abcd", option}).status, 2);
}

TEST_P(Always, ItStandsBeforeTheRuleThatAsksAndLeavesTheRestAsItIs) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string start =
      "# my profile\nversion = 1\nname = \"default\"\nextends = [\"default\"]   # the shipped one\n\n[[file]]\nops = "
      "[\"delete\"]\npaths = [\"${PROJECT}/never/**\"]\naction = \"deny\"\n\n";
  const std::string end =
      "# all the others\n[[file]]\nops = [\"delete\"]\npaths = [\"${PROJECT}/**\"]\naction = \"ask\"\nreason = "
      "\"mine\"\n# the end\n";
  put(own_profile(world), start + end);
  ::chmod(own_profile(world).c_str(), 0640);
  world.give();
  (void)world.session("rm victim1", [&](pid_t) {
    const auto said = world.assent(DaemonWorld::yes_to(world.pending().at(0), {"--always", "--yes"}));
    EXPECT_EQ(said.status, 0) << said.out << said.err;
  });
  const auto text = get(own_profile(world));
  EXPECT_TRUE(text.starts_with(start)) << text;
  EXPECT_TRUE(text.ends_with(end)) << text;
  struct stat stat {};
  ::stat(own_profile(world).c_str(), &stat);
  EXPECT_EQ(stat.st_mode & 0777, 0640u);
  put(world.project + "/victim1", "again");
  put(world.project + "/never/f", "");
  world.give();
  (void)world.run({assent_binary(), "run", "--headless", "--", "sh", "-c", "rm victim1; rm never/f"});
  EXPECT_FALSE(there(world.project + "/victim1"));
  EXPECT_TRUE(there(world.project + "/never/f"));
}

TEST_P(Always, WhereTheRuleWantsSeveralPeopleItIsRefused) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  for (const std::string rule : {"approvers = [\"" + other_name(world.session_uid()) + "\"]", std::string("quorum = 2"),
                                 std::string("not_self = true")}) {
    const auto profile = world.profile(rule);
    (void)world.session("rm victim1",
                        [&](pid_t) {
                          const auto waiting = world.pending();
                          ASSERT_EQ(waiting.size(), 1u);
                          const auto said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--yes"}));
                          EXPECT_EQ(said.status, 1) << said.out;
                          EXPECT_THAT(said.err, HasSubstr("who has to be asked"));
                          world.assent({"deny", waiting[0]["id"]});
                        },
                        {"-p", profile});
    EXPECT_TRUE(there(world.project + "/victim1"));
  }
}

TEST_P(Always, WhatAnotherLayerStillAsksIsRefusedAndNothingIsWritten) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  put(world.project + "/.assent.toml",
      "version = 1\n[[file]]\nops = [\"delete\"]\npaths = [\"${PROJECT}/**\"]\naction = \"ask\"\n");
  world.give();
  (void)world.session("rm victim1", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    const auto said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--yes"}));
    EXPECT_EQ(said.status, 1) << said.out;
    EXPECT_THAT(said.err, HasSubstr("would still say ask"));
    world.assent({"deny", waiting[0]["id"]});
  });
  EXPECT_FALSE(there(own_profile(world)));
  EXPECT_TRUE(there(world.project + "/victim1"));
}

TEST_P(Always, AHostileNameBecomesARuleForThatNameOnly) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string evil = world.project + "/x']\naction = \"allow\"\n[[file]]\nops = ['delete']\npaths = ['" +
                           std::string(1, '*') + "\xff${HOME}";
  fs::create_directories(fs::path(evil).parent_path());
  put(evil, "here before\n");
  world.give();
  (void)world.session("rm -r x*", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_FALSE(waiting.empty());
    const auto said = world.assent(DaemonWorld::yes_to(waiting[0], {"--always", "--yes"}));
    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_FALSE(has_raw_control(said.out));
  });
  const auto text = get(own_profile(world));
  std::size_t rules = 0;
  for (auto at = text.find("\n[[file]]"); at != std::string::npos; at = text.find("\n[[file]]", at + 1)) ++rules;
  EXPECT_EQ(rules, 1u) << text;
  (void)world.shell_inside("rm victim1");
  EXPECT_TRUE(there(world.project + "/victim1")) << "the control: everything else is still asked";
}

TEST_P(Always, OnATerminalTheSecondYesIsTyped) {
  if (!Tmux::is_here()) GTEST_SKIP() << "no tmux";
  DaemonWorld world(GetParam(), Daemon::OfUser);
  (void)world.session("rm victim1", [&](pid_t) {
    const std::string id = world.pending().at(0)["id"];
    const std::string confirm = world.pending().at(0).value("confirm", "");
    const std::string words =
        world.root + "/assent approve " + id + " --always" + (confirm.empty() ? "" : " --confirm " + confirm);
    {
      Tmux terminal(world, words + "; echo status $?");
      terminal.wait_for("type yes and Enter");
      terminal.type("y");
      terminal.key("Enter");
      EXPECT_THAT(terminal.wait_for("status"), HasSubstr("status 1"));
      EXPECT_FALSE(there(own_profile(world)));
      EXPECT_TRUE(there(world.project + "/victim1"));
    }
    Tmux terminal(world, words + "; echo status $?");
    terminal.wait_for("type yes and Enter");
    terminal.type("yes");
    terminal.key("Enter");
    EXPECT_THAT(terminal.wait_for("status"), HasSubstr("status 0"));
  });
  EXPECT_TRUE(there(own_profile(world)));
  EXPECT_FALSE(there(world.project + "/victim1"));
}

}  // namespace
}  // namespace assent::run_test
