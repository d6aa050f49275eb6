// A clock that was set ahead makes nothing old.
#include "undo/vault_clock.h"

#include "support/undo_fixture.h"

namespace assent::test {
namespace {

using std::chrono::hours;
using undo::ClockJump;
using undo::Moment;

constexpr std::int64_t kHour = 3'600'000'000'000;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kStart = 20'000 * kDay;  // in 2024

Moment at(std::int64_t wall, std::int64_t since_boot, const std::string& boot) { return {wall, since_boot, boot}; }

TEST(VaultClock, WithinOneBootTheOtherClockKnowsWhatPassed) {
  const Moment before = at(kStart, kHour, "a");
  EXPECT_EQ(0, undo::jump_between(before, at(kStart + 30 * kDay, kHour + 30 * kDay, "a")).uncounted_ns);
  EXPECT_EQ(0, undo::jump_between(before, at(kStart + 2 * kHour, kHour + kHour, "a")).uncounted_ns) << "put right";
  EXPECT_EQ(364 * kDay, undo::jump_between(before, at(kStart + 365 * kDay, kHour + kDay, "a")).uncounted_ns);
  EXPECT_EQ(-365 * kDay, undo::jump_between(before, at(kStart - 364 * kDay, kHour + kDay, "a")).uncounted_ns);
}

TEST(VaultClock, OfATimeThatTheMachineWasOffThreeDaysCount) {
  const Moment before = at(kStart, kHour, "a");
  EXPECT_EQ(0, undo::jump_between(before, at(kStart + 3 * kDay, kHour, "b")).uncounted_ns);
  EXPECT_EQ(18 * kDay, undo::jump_between(before, at(kStart + 21 * kDay, 100 * kDay, "b")).uncounted_ns);
  EXPECT_EQ(18 * kDay, undo::jump_between({kStart, 0, ""}, at(kStart + 21 * kDay, 0, "")).uncounted_ns);
}

TEST(VaultClock, WhatIsOlderThanAJumpIsYoungerByIt) {
  const std::vector<ClockJump> jumps{{kStart, 100 * kDay}};
  const std::int64_t now = kStart + 105 * kDay;
  EXPECT_EQ(hours(24 * 6), undo::age_of(kStart - kDay, now, jumps));
  EXPECT_EQ(hours(24), undo::age_of(now - kDay, now, jumps));
  // Ahead, then right again: what was kept meanwhile has a time to come.
  const std::vector<ClockJump> back{{kStart, 100 * kDay}, {kStart + 101 * kDay, -99 * kDay}};
  EXPECT_EQ(hours(24 * 2), undo::age_of(kStart - kDay, kStart + 2 * kDay, back));
  EXPECT_GE(undo::age_of(kStart + 100 * kDay, kStart + 2 * kDay, back), hours(0));
  EXPECT_LE(undo::age_of(kStart + 100 * kDay, kStart + 2 * kDay, back), hours(48));
  // Back to 1970 (a battery is empty), then right again: nothing became old.
  const std::vector<ClockJump> empty{{kStart, -kStart}, {kHour, kStart - kHour}};
  EXPECT_LE(undo::age_of(kStart - kDay, kStart + kHour, empty), hours(26));
  EXPECT_LE(undo::age_of(kHour / 2, kStart + kHour, empty), hours(2));
}

class VaultClockOfAVault : public UndoTest {
 protected:
  void session(const std::string& name) {
    write_file(project + "/" + name, "x");
    auto agent = this->agent(name);
    agent->remove(project + "/" + name);
    agent->end();
  }
  std::string removed(const Moment& now) const {
    undo::PruneOptions options;
    options.state_vault = vault;
    options.now_ns = now.wall_ns;
    options.jumps = undo::look_at_clock(vault, now, undo::newest_end(vault), undo::Remember::Yes);
    auto pruned = undo::prune(options);
    EXPECT_TRUE(pruned);
    std::string out;
    for (const auto& kept : pruned->removed) out += kept.transaction + " ";
    EXPECT_EQ(undo::prune_due(options), false) << "nothing is left to do";
    return out;
  }
};

TEST_F(VaultClockOfAVault, AYearAheadRemovesNothingAndTimeThatPassesDoes) {
  session("s1");
  const Moment real = undo::moment_now();
  const auto later = [&](std::int64_t wall, std::int64_t boot) {
    return Moment{real.wall_ns + wall, real.boot_ns + boot, real.boot};
  };
  // The control: who goes by the clock alone removes it.
  undo::PruneOptions naive;
  naive.state_vault = vault;
  naive.now_ns = later(365 * kDay, 0).wall_ns;
  naive.dry_run = true;
  EXPECT_EQ(1U, undo::prune(naive)->removed.size());

  EXPECT_EQ("", removed(later(365 * kDay, kHour)));
  EXPECT_EQ("", removed(later(366 * kDay, kDay)));
  EXPECT_EQ("", removed(Moment{real.wall_ns + 800 * kDay, kHour, "another-boot"}));
  // It goes on from there: 3 + 1 + 3 days so far.
  EXPECT_EQ("", removed(Moment{real.wall_ns + 806 * kDay, kHour + 6 * kDay, "another-boot"}));
  EXPECT_EQ("s1 ", removed(Moment{real.wall_ns + 808 * kDay, kHour + 8 * kDay, "another-boot"}));
}

TEST_F(VaultClockOfAVault, ALookThatCannotBeReadIsNone) {
  session("s1");
  write_file(vault + "/.clock", "seen nonsense\n");
  const Moment real = undo::moment_now();
  EXPECT_EQ("", removed(Moment{real.wall_ns + 365 * kDay, real.boot_ns, real.boot}));
}

}  // namespace
}  // namespace assent::test
