// Signals in the middle of brokered calls, and processes that mean to stay.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class Processes : public AsEveryone {};

TEST_P(Processes, AStormOfSignalsLeavesEveryActDoneExactlyOnce) {
  for (const char* restart : {"0", "1"}) {
    World world(GetParam());
    const auto without = world.run({"./victim", "process", "storm", "500", restart});
    ASSERT_EQ(number(without.out, "wrong"), 0) << without.out;
    const auto before = world.look();
    const auto outcome = world.run_inside({"./victim", "process", "storm", "500", restart});
    EXPECT_EQ(number(outcome.out, "wrong"), 0) << outcome.out << outcome.err.substr(0, 1000);
    EXPECT_GT(number(outcome.out, "signals"), 100) << outcome.out;
    EXPECT_EQ(damage(before), "");
  }
}

// Processes on this machine that run our victim from this world's project.
int processes_of(const World& world) {
  int found = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code ignored;
    const auto exe = fs::read_symlink(entry.path() / "exe", ignored).string();
    if (exe.rfind(world.project + "/victim", 0) == 0) ++found;
  }
  return found;
}

void kill_processes_of(const World& world) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code ignored;
    const auto exe = fs::read_symlink(entry.path() / "exe", ignored).string();
    if (exe.rfind(world.project + "/victim", 0) == 0) ::kill(std::atoi(entry.path().filename().c_str()), SIGKILL);
  }
}

TEST_P(Processes, WhatTheAgentLeavesBehindEndsWithIt) {
  World world(GetParam());
  world.run({"sh", "-c", "./victim process leave 50 >/dev/null 2>&1"});
  // Each forks twice: fifty are left once the ones in between have gone.
  int steady = 0;
  for (int i = 0; i < 500 && steady < 5; ++i) {
    steady = processes_of(world) == 50 ? steady + 1 : 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ASSERT_EQ(processes_of(world), 50) << "the control left nothing behind";
  for (int i = 0; i < 100 && processes_of(world) > 0; ++i) {
    kill_processes_of(world);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const auto outcome = world.run_inside({"./victim", "process", "leave", "50"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "left\n");
  // They were killed before the session ended; the last may still be on its way out.
  for (int i = 0; i < 100 && processes_of(world) > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(processes_of(world), 0);
}

TEST_P(Processes, ThousandsOfProcessesComeAndGo) {
  World world(GetParam());
  const auto before = world.look();
  const auto outcome = world.shell_inside(
      "i=0; while [ $i -lt 40 ]; do (for j in 1 2 3 4 5 6 7 8 9 10; do (echo $j >own-$i-$j; rm own-$i-$j; rm -f "
      "victim1) & done; wait) & i=$((i+1)); done; wait; echo end");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.out.find("end"), std::string::npos);
  EXPECT_EQ(damage(before), "");
  for (const auto& entry : fs::directory_iterator(world.project))
    EXPECT_NE(entry.path().filename().string().rfind("own-", 0), 0U) << entry.path();
}

INSTANTIATE_TEST_SUITE_P(Each, Processes, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
