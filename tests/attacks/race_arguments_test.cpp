// An argument is rewritten while the call is on its way: the supervisor must act on what it judged.
#include <tuple>

#include "assent/unique_fd.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

struct Race {
  const char* op;
  const char* own = "ownfile";
  const char* foreign = "victim1";
};

void PrintTo(const Race& each, std::ostream* out) { *out << each.op; }

constexpr Race kRaces[] = {
    {"unlink"},
    {"unlinkat"},
    {"rmdir", "own-folder", "emptydir-x"},
    {"rename-from"},
    {"renameat2-from"},
    {"rename-to"},
    {"rename-exchange"},
    {"truncate"},
    {"open-trunc"},
    {"open-rdwr"},
    {"openat-wronly"},
    {"creat"},
    {"openat2-path"},
    {"openat2-how"},
    {"link"},
    {"linkat"},
    {"chmod"},
    {"fchmodat"},
    {"fchmodat2"},
    {"chown"},
    {"lchown"},
    {"fchownat"},
    {"utimensat"},
    {"utimes"},
    {"setxattr"},
    {"lsetxattr"},
    {"symlink", "o/.own/hooks/aa", "o/.git/hooks/aa"},
    {"mkdir", "o/.own/hooks/aa", "o/.git/hooks/aa"},
    {"mknod", "o/.own/hooks/aa", "o/.git/hooks/aa"},
};

class RaceArguments : public ::testing::TestWithParam<std::tuple<Race, const char*, Who>> {
 public:
  static void furnish(const World& world) {
    fs::create_directories(world.project + "/emptydir-x");
    fs::create_directories(world.project + "/o/.git/hooks");
    fs::create_directories(world.project + "/o/.own/hooks");
    ::chmod((world.project + "/victim1").c_str(), 04755);
    world.give();
  }
  static bool harmed(const World& world, const Fingerprints& before) {
    return !damage(before).empty() || there(world.project + "/o/.git/hooks/aa");
  }
};

TEST_P(RaceArguments, HarmNothingForeign) {
  const auto [race, racer, who] = GetParam();
  constexpr long kFchmodat2 = 452;
  if (std::string_view(race.op) == "fchmodat2" && ::syscall(kFchmodat2, -1, "", 0, 0) < 0 && errno == ENOSYS)
    GTEST_SKIP() << "this kernel has no such call: no control";
  const auto attack = [&](const char* seconds) {
    return std::vector<std::string>{"./victim", "race", race.op, racer, race.own, race.foreign, seconds};
  };
  {
    // The control runs until it has done its damage.
    World world(who);
    furnish(world);
    const auto before = world.look();
    bool done = false;
    for (int i = 0; i < 40 && !done; ++i) {
      world.run(attack("0.1"));
      done = harmed(world, before);
    }
    ASSERT_TRUE(done) << "the control did no damage: this test proves nothing";
  }
  World world(who);
  furnish(world);
  world.be_strict();
  const auto before = world.look();
  const auto outcome = world.run_inside(attack("0.5"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(damage(before), "") << outcome.out;
  EXPECT_FALSE(there(world.project + "/o/.git/hooks/aa"));
  EXPECT_GT(number(outcome.out, "went"), 0)
      << "nothing went through, so nothing was raced: " << outcome.out << outcome.err.substr(0, 1000);
  EXPECT_GT(number(outcome.out, "refused"), 0) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, RaceArguments,
                         ::testing::Combine(::testing::ValuesIn(kRaces), ::testing::Values("thread", "process"),
                                            ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           std::string text = std::string(std::get<0>(each.param).op) + "_" + std::get<1>(each.param) +
                                              "_" + name(std::get<2>(each.param));
                           std::replace(text.begin(), text.end(), '-', '_');
                           return text;
                         });

// What lies in the agent's own folders may be cut freely, and may come to mean, while the call is on its way, a file of
// the host's that the agent holds a descriptor of: standard input is not on the read-only view, and no right to write
// is asked for.
class RaceToCut : public ::testing::TestWithParam<std::tuple<const char*, const char*, Who>> {};

TEST_P(RaceToCut, HarmsNothingThatAReadOnlyDescriptorLeadsTo) {
  const auto [op, racer, who] = GetParam();
  std::string own = "/tmp/cut-XXXXXX";  // as long as the other name
  const std::string foreign = "/proc/self/fd/0";
  ASSERT_EQ(own.size(), foreign.size());
  const auto from_victim = [](const World& world) {
    Stdio out;
    out.in = world.project + "/victim1";
    return out;
  };
  {
    World world(who);
    const UniqueFd taken(::mkstemp(own.data()));
    ASSERT_TRUE(taken);
    ::unlink(own.c_str());
    const auto before = world.look();
    for (int i = 0; i < 40 && damage(before).empty(); ++i) {
      world.run({"./victim", "race", op, racer, own, foreign, "0.1"}, from_victim(world));
    }
    ::unlink(own.c_str());
    ASSERT_NE(damage(before), "") << "the control did no damage: this test proves nothing";
  }
  World world(who);
  world.be_strict();
  const auto before = world.look();
  const auto outcome = world.run_inside({"./victim", "race", op, racer, own, foreign, "0.5"}, from_victim(world));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(damage(before), "") << outcome.out;
  EXPECT_GT(number(outcome.out, "went"), 0) << outcome.out << outcome.err.substr(0, 1000);
  EXPECT_GT(number(outcome.out, "refused"), 0) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, RaceToCut,
                         ::testing::Combine(::testing::Values("truncate", "open-cut", "openat-cut-3", "openat2-cut"),
                                            ::testing::Values("thread", "process"), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           std::string text = std::string(std::get<0>(each.param)) + "_" + std::get<1>(each.param) +
                                              "_" + name(std::get<2>(each.param));
                           std::replace(text.begin(), text.end(), '-', '_');
                           return text;
                         });

}  // namespace
}  // namespace assent::run_test
