// Sessions of random acts, and their undo: whatever was done in whatever order, every byte and metadatum of what was
// there comes back to its name, a dry run foresees it, and a redo gives what the session had left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "support/portrait.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kSessions = 10;
constexpr const char* kActs[] = {"30", "120"};

class RandomActs : public AsEveryone {};

// A name that the agent gave to a file stays, like all that it made, so the count of names may be greater.
Portrait without_links(Portrait portrait) {
  static const std::regex links(" links [0-9]+");
  for (auto& [name, text] : portrait) text = std::regex_replace(text, links, "");
  return portrait;
}

TEST_P(RandomActs, AreTakenBackWhateverTheyWere) {
  const std::string script = get(ASSENT_SOURCE_DIR "/tests/incidents/random_acts.py");
  ASSERT_NE(script, "");
  int damaged = 0;
  for (int seed = 0; seed < kSessions; ++seed) {
    for (const std::string acts : kActs) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << acts << " acts");
      World world(GetParam());
      put(world.home + "/yes.toml",
          "version = 1\nname = \"yes\"\nextends = [\"default\"]\n[[file]]\nops = [\"create\", \"modify\", "
          "\"truncate\", "
          "\"rename\", \"delete\", \"metadata\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n");
      const auto python = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"python3", "-c", script});
        return arguments;
      };
      const std::string number = std::to_string(seed);
      ASSERT_EQ(world.run(python({number})).status, 0);
      const auto before = without_links(portrait(world.project));
      const auto session = world.run(world.inside(python({number, acts}), {"-p", world.home + "/yes.toml"}));
      ASSERT_EQ(session.status, 0) << session.err;
      const auto after = without_links(portrait(world.project));
      if (otherwise(before, after).empty()) continue;
      ++damaged;

      const auto planned = world.assent({"undo", "--dry-run"});
      EXPECT_EQ(planned.status, 0) << planned.out << planned.err;
      const auto undone = world.assent({"undo"});
      EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
      EXPECT_EQ(otherwise(before, without_links(portrait(world.project))), "") << undone.out;
      const auto redone = world.assent({"redo"});
      EXPECT_EQ(redone.status, 0) << redone.out << redone.err;
      EXPECT_EQ(otherwise(after, without_links(portrait(world.project))), "") << redone.out;
      const auto again = world.assent({"undo"});
      EXPECT_EQ(again.status, 0) << again.out << again.err;
      EXPECT_EQ(otherwise(before, without_links(portrait(world.project))), "") << again.out;
      const auto once_more = world.assent({"undo"});
      EXPECT_THAT(once_more.out, HasSubstr("restored nothing"));
      EXPECT_THAT(once_more.out, Not(HasSubstr("conflict")));
      EXPECT_EQ(otherwise(before, without_links(portrait(world.project))), "") << once_more.out;
    }
  }
  EXPECT_GE(damaged, kSessions) << "the acts do too little";
}

INSTANTIATE_TEST_SUITE_P(Users, RandomActs, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
