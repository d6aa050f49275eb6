// Sessions of random acts, and their undo: whatever was done in whatever order, every byte and metadatum of what was
// there comes back to its name, a dry run foresees it, and a redo gives what the session had left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "support/portrait.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kSessions = 10;
constexpr const char* kActs[] = {"30", "120"};

class RandomActs : public AsEveryone {
 protected:
  static std::vector<std::string> python(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"python3", "-c", get(ASSENT_SOURCE_DIR "/tests/incidents/random_acts.py")});
    return arguments;
  }
  static Outcome inside(const World& world, const std::string& seed, const std::string& acts) {
    put(world.home + "/yes.toml",
        "version = 1\nname = \"yes\"\nextends = [\"default\"]\n[[file]]\nops = [\"create\", \"modify\", \"truncate\", "
        "\"rename\", \"delete\", \"metadata\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n");
    return world.run(world.inside(python({seed, acts}), {"-p", world.home + "/yes.toml"}));
  }
};

Portrait without(const char* what, Portrait portrait) {
  const std::regex pattern(what);
  for (auto& [name, text] : portrait) text = std::regex_replace(text, pattern, "");
  return portrait;
}

// A name that the agent gave to a file stays, like all that it made, so the count of names may be greater.
Portrait without_links(Portrait portrait) { return without(" links [0-9]+", std::move(portrait)); }

TEST_P(RandomActs, AreTakenBackWhateverTheyWere) {
  int damaged = 0;
  for (int seed = 0; seed < kSessions; ++seed) {
    for (const std::string acts : kActs) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << acts << " acts");
      World world(GetParam());
      const std::string number = std::to_string(seed);
      ASSERT_EQ(world.run(python({number})).status, 0);
      const auto before = without_links(portrait(world.project));
      const auto session = inside(world, number, acts);
      ASSERT_EQ(session.status, 0) << session.err;
      const auto after = without_links(portrait(world.project));
      if (otherwise(before, after).empty()) continue;
      ++damaged;

      const auto planned = world.assent({"undo", "--dry-run"});
      EXPECT_EQ(planned.status, 0) << planned.out << planned.err;
      for (const char* again : {"", ", once more"}) {
        SCOPED_TRACE(again);
        const auto undone = world.assent({"undo"});
        EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
        EXPECT_EQ(otherwise(before, without_links(portrait(world.project))), "") << undone.out;
        const auto redone = world.assent({"redo"});
        EXPECT_EQ(redone.status, 0) << redone.out << redone.err;
        EXPECT_EQ(otherwise(after, without_links(portrait(world.project))), "") << redone.out;
      }
      EXPECT_EQ(world.assent({"undo"}).status, 0);
      const auto nothing = world.assent({"undo"});
      EXPECT_THAT(nothing.out, HasSubstr("restored nothing"));
      EXPECT_THAT(nothing.out, Not(HasSubstr("conflict")));
      EXPECT_EQ(otherwise(before, without_links(portrait(world.project))), "") << nothing.out;
    }
  }
  EXPECT_GE(damaged, kSessions) << "the acts do too little";
}

TEST_P(RandomActs, DoWhatTheyDoWithoutAssentAndFailAsTheyDoThere) {
  for (int seed = 100; seed < 100 + kSessions; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const std::string number = std::to_string(seed);
    std::string results[2];
    Portrait left[2];
    for (const bool with : {false, true}) {
      World world(GetParam());
      ASSERT_EQ(world.run(python({number})).status, 0);
      auto plain = python({number, "200"});
      if (::geteuid() == 0 && GetParam() == Who::Self)  // nobody has capabilities inside
        plain.insert(plain.begin(), {"setpriv", "--bounding-set=-all", "--inh-caps=-all"});
      const auto done = with ? inside(world, number, "200") : world.run(plain);
      ASSERT_EQ(done.status, 0) << done.err;
      results[with] = done.out;
      // A removed name of several is one in the vault.
      left[with] = without(" (time|links) [0-9.]+", portrait(world.project));
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(left[0], left[1]);
  }
}

INSTANTIATE_TEST_SUITE_P(Users, RandomActs, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
