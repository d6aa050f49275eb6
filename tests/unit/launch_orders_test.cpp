// What the processes inside are told: the same as was planned, in the room that they share with the supervisor.
#include "launch/orders.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace assent::launch {
namespace {

MountPlan some_plan() {
  MountPlan plan;
  plan.early.push_back({Early::Take::Device, "/dev/null", true});
  Step step;
  step.act = Step::Act::Entry;
  step.path = "/home/u/.config";
  step.source = ".config";
  step.early = 0;
  step.mode = 0700;
  step.report = 0;
  step.seal = true;
  step.optional = true;
  plan.steps.push_back(step);
  plan.reports.push_back({Zone::Gated, MountKind::Mask, "/home/u/p", true});
  plan.writable = {"/tmp"};
  plan.devices = {"/dev/null", "/dev/zero"};
  plan.absent = {"/home/u/.ssh"};
  plan.read_ways = {"/"};
  plan.unreadable = {"/secret"};
  return plan;
}

TEST(LaunchOrders, SayWhatWasPlanned) {
  std::array<char, 4096> memory;
  Room room(memory.data(), memory.size());
  const MountOrders orders = lay_out(some_plan(), room);
  ASSERT_FALSE(room.full());
  ASSERT_EQ(orders.early.size(), 1U);
  EXPECT_EQ(orders.early[0].take, Early::Take::Device);
  EXPECT_STREQ(orders.early[0].path, "/dev/null");
  EXPECT_TRUE(orders.early[0].may_be_missing);
  ASSERT_EQ(orders.steps.size(), 1U);
  const StepOrder& step = orders.steps[0];
  EXPECT_EQ(step.act, Step::Act::Entry);
  EXPECT_STREQ(step.path, "/home/u/.config");
  EXPECT_STREQ(step.source, ".config");
  EXPECT_EQ(step.early, 0);
  EXPECT_EQ(step.mode, 0700U);
  EXPECT_EQ(step.report, 0);
  EXPECT_TRUE(step.seal);
  EXPECT_TRUE(step.optional);
  ASSERT_EQ(orders.reports.size(), 1U);
  EXPECT_EQ(orders.reports[0].zone, Zone::Gated);
  EXPECT_EQ(orders.reports[0].kind, MountKind::Mask);
  EXPECT_STREQ(orders.reports[0].path, "/home/u/p");
  EXPECT_STREQ(orders.writable[0], "/tmp");
  ASSERT_EQ(orders.devices.size(), 2U);
  EXPECT_STREQ(orders.devices[1], "/dev/zero");
  EXPECT_STREQ(orders.absent[0], "/home/u/.ssh");
  EXPECT_STREQ(orders.read_ways[0], "/");
  EXPECT_STREQ(orders.unreadable[0], "/secret");
  EXPECT_EQ(orders.descriptors.size(), 1U);
  EXPECT_EQ(orders.seals.size(), 1U);
  ASSERT_EQ(orders.mounts.size(), 1U);
  EXPECT_EQ(orders.mounts[0], 0U);
}

TEST(LaunchOrders, TheWordsOfTheAgentEndInNull) {
  std::array<char, 8192> memory;
  Room room(memory.data(), memory.size());
  Spec spec;
  spec.argv = {"echo", "a b", ""};
  spec.environment = {"A=1"};
  spec.cwd = "/home/u/p";
  spec.hostname = "inside";
  spec.ignored_signals = {1};
  spec.terminal = 5;
  const std::array<sock_filter, 1> filter{sock_filter{6, 0, 0, 7}};
  spec.filter = filter;
  const Orders orders = lay_out(some_plan(), spec, {"/bin/echo"}, room);
  ASSERT_FALSE(room.full());
  EXPECT_STREQ(orders.argv[1], "a b");
  EXPECT_STREQ(orders.argv[2], "");
  EXPECT_EQ(orders.argv[3], nullptr);
  EXPECT_STREQ(orders.environment[0], "A=1");
  EXPECT_EQ(orders.environment[1], nullptr);
  EXPECT_STREQ(orders.programs[0], "/bin/echo");
  EXPECT_STREQ(orders.cwd, "/home/u/p");
  EXPECT_EQ(orders.hostname, "inside");
  EXPECT_EQ(orders.ignored_signals[0], 1);
  EXPECT_EQ(orders.filter[0].k, 7U);
  EXPECT_TRUE(orders.has_terminal);
}

TEST(LaunchOrders, EverythingLiesInTheSharedRoom) {
  std::array<char, 8192> memory;
  Room room(memory.data(), memory.size());
  MountPlan plan = some_plan();
  Spec spec;
  spec.argv = {"echo"};
  const Orders orders = lay_out(plan, spec, {"/bin/echo"}, room);
  const auto inside = [&](const void* at) { return at >= memory.data() && at < memory.data() + memory.size(); };
  EXPECT_TRUE(inside(orders.mounts.steps.data()) && inside(orders.mounts.steps[0].path));
  EXPECT_TRUE(inside(orders.mounts.steps[0].source) && inside(orders.mounts.early[0].path));
  EXPECT_TRUE(inside(orders.mounts.absent.data()) && inside(orders.mounts.absent[0]));
  EXPECT_TRUE(inside(orders.argv) && inside(orders.argv[0]) && inside(orders.environment));
  EXPECT_TRUE(inside(orders.programs[0]) && inside(orders.cwd) && inside(orders.mounts.mounts.data()));
}

TEST(LaunchOrders, ARoomThatIsTooSmallIsFullAndNothingIsWrittenBehindIt) {
  bool fitted = false;
  for (std::size_t size = 0; size < 1024; ++size) {
    alignas(16) std::array<char, 1024> memory;
    memory.fill('#');
    Room room(memory.data(), size);
    lay_out(some_plan(), room);
    EXPECT_FALSE(fitted && room.full()) << size;
    fitted = !room.full();
    for (std::size_t i = size; i < memory.size(); ++i) ASSERT_EQ(memory[i], '#') << size;
  }
  EXPECT_TRUE(fitted);
}

}  // namespace
}  // namespace assent::launch
