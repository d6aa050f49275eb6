// Acts that want two things of a human at once: a rename takes one name away and makes, or replaces, another. A yes to
// the one must not be one to the other, which nobody was shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Daemon = DaemonWorld::Daemon;

class TwoParts : public AsEveryone {
 protected:
  // Says yes, or no where `refused` is a part of what is asked, until the session ends; gives what was asked.
  static std::vector<std::string> answer_all(const DaemonWorld& world, const std::string& scope,
                                             const std::string& refused, const std::atomic<bool>& over) {
    std::vector<std::string> asked;
    while (!over) {
      for (const auto& question : world.pending(world.session_uid(), false)) {
        const std::string object = question["object"];
        const std::string text =
            question["operation"].get<std::string>() + " " + object.substr(object.find("/project/") + 9);
        const bool no = !refused.empty() && text.find(refused) != std::string::npos;
        const auto words = no ? std::vector<std::string>{"deny", question["id"].get<std::string>()}
                              : DaemonWorld::yes_to(question, {"--scope", scope});
        if (world.assent(words).status == 0) asked.push_back(text);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return asked;
  }
  static std::vector<std::string> run(const DaemonWorld& world, const std::string& script, const std::string& scope,
                                      const std::string& refused, Outcome& outcome) {
    std::atomic<bool> over = false;
    std::vector<std::string> asked;
    std::thread people([&] { asked = answer_all(world, scope, refused, over); });
    outcome = world.session(script, [](pid_t) {});
    over = true;
    people.join();
    return asked;
  }
};
INSTANTIATE_TEST_SUITE_P(Users, TwoParts, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(TwoParts, AYesToRenamingIsNoneToAHookOfGit) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  put(world.project + "/.git/hooks/pre-commit.sample", "#!/bin/sh\n");
  put(world.project + "/other.txt", "#!/bin/sh\n");
  world.give();
  const std::string hook = world.project + "/.git/hooks/pre-commit";
  const std::string script =
      "mv victim1 moved; echo evil >>other.txt; chmod +x other.txt; mv other.txt .git/hooks/pre-commit; "
      "echo "
      "status $?";
  Outcome outcome;
  const auto asked = run(world, script, "session", "hooks", outcome);
  EXPECT_THAT(asked, ElementsAre("rename victim1", "create .git/hooks/pre-commit")) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("status 1"));
  EXPECT_FALSE(there(hook));
  EXPECT_TRUE(there(world.project + "/other.txt"));
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
  // The control.
  world.shell("mv moved victim1; " + script);
  EXPECT_TRUE(there(hook));
}

TEST_P(TwoParts, AQuestionAboutARenameSaysBothNames) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  std::atomic<bool> over = false;
  std::vector<std::string> seen;
  std::thread people([&] {
    while (!over) {
      for (const auto& question : world.pending(world.session_uid(), false)) {
        const auto operation = question["operation"].get<std::string>();
        const std::string word = operation == "rename" ? "to" : "from";
        seen.push_back(operation + " " + word + " " + question.value(word, "nothing"));
        (void)world.assent(DaemonWorld::yes_to(question, {}));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  const auto outcome = world.session("mv victim1 keep/new; mv -f keep/new keep/f; mv keep/g keep/h", [](pid_t) {});
  over = true;
  people.join();
  const std::string keep = world.project + "/keep/";
  EXPECT_THAT(seen, testing::IsSupersetOf({"rename to " + keep + "new", "rename to " + keep + "f",
                                           "delete from " + keep + "new", "rename to " + keep + "h"}))
      << outcome.err;
}

TEST_P(TwoParts, WhatARenameWouldReplaceIsAskedToo) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string script = "mv -f victim1 keep/f; echo status $?";
  Outcome outcome;
  EXPECT_THAT(run(world, script, "once", "delete", outcome), ElementsAre("rename victim1", "delete keep/f"));
  EXPECT_EQ(get(world.project + "/keep/f"), "kept\n");
  EXPECT_TRUE(there(world.project + "/victim1"));
  EXPECT_THAT(run(world, script, "once", "", outcome), ElementsAre("rename victim1", "delete keep/f"));
  EXPECT_EQ(get(world.project + "/keep/f"), "here before the agent\n") << "the control: two yeses";
  EXPECT_EQ(world.assent({"undo"}).status, 0);
  EXPECT_EQ(get(world.project + "/keep/f"), "kept\n");
}

}  // namespace
}  // namespace assent::run_test
