// Calls that no agent needs, the memory of others, devices, terminals, and what guards the guard.
#include <pty.h>

#include <set>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

class KernelDoors : public AsEveryone {};

std::map<std::string, std::string> answers(const std::string& text) {
  std::map<std::string, std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    out[line.substr(0, line.find(' '))] = line.substr(line.rfind(' ') + 1);
  return out;
}

TEST_P(KernelDoors, EveryCallOfTheDenyListIsRefusedByTheFilter) {
  World world(GetParam());
  const auto without = answers(world.run({"./victim", "kernel", "deny-list"}).out);
  const auto outcome = world.run_inside({"./victim", "kernel", "deny-list"});
  const auto with = answers(outcome.out);
  ASSERT_GT(with.size(), 34U) << outcome.out << outcome.err;
  const std::set<std::string> ours{"EPERM", "ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "EACCES", "EINVAL"};
  int differ = 0;
  for (const auto& [call, answer] : with) {
    EXPECT_NE(answer, "ok") << call;
    EXPECT_TRUE(ours.contains(answer)) << call << ": " << answer;
    if (without.at(call) != answer) ++differ;
  }
  // As root nearly every call gets past the kernel's own door without assent; an ordinary user is stopped there more.
  EXPECT_GE(differ, GetParam() == Who::Self && ::geteuid() == 0 ? 25 : 12)
      << "the control was refused too often to prove anything";
}

TEST_P(KernelDoors, TheMemoryOfOthersTheKernelAndDevicesCannotBeOpened) {
  World world(GetParam());
  const auto without = answers(world.run({"./victim", "kernel", "memory"}).out);
  ASSERT_EQ(without.at("sibling-mem"), "ok");
  if (GetParam() == Who::Self && ::geteuid() == 0) {
    EXPECT_EQ(without.at("sysctl"), "ok");
    EXPECT_EQ(without.at("mknod-disk"), "ok");
  }
  fs::remove(world.project + "/own-disk");
  const auto outcome = world.run_inside({"./victim", "kernel", "memory"});
  const auto with = answers(outcome.out);
  ASSERT_GT(with.size(), 12U) << outcome.out << outcome.err;
  for (const auto& [call, answer] : with) EXPECT_NE(answer, "ok") << call;
  EXPECT_FALSE(there(world.project + "/own-disk"));
}

TEST_P(KernelDoors, NoListenerIsFoundStolenOrMade) {
  World world(GetParam());
  const auto without = world.run({"./victim", "kernel", "listener"}).out;
  ASSERT_EQ(said(without, "second-listener"), "ok") << without;
  const auto outcome = world.run_inside({"./victim", "kernel", "listener"});
  EXPECT_NE(said(outcome.out, "second-listener"), "ok") << outcome.out;
  EXPECT_NE(said(outcome.out, "second-listener"), "") << outcome.out << outcome.err;
  EXPECT_NE(said(outcome.out, "second-listener-tsync"), "ok");
  EXPECT_EQ(said(outcome.out, "own-filter"), "ok") << "more filters only make it stricter";
  EXPECT_EQ(outcome.out.find("found"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("stolen"), std::string::npos) << outcome.out;
}

TEST_P(KernelDoors, NothingIsTypedIntoATerminalForOthers) {
  World world(GetParam());
  const auto try_it = [&](const std::vector<std::string>& argv) {
    int master = -1, slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) std::abort();
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    ::fcntl(slave, F_SETFD, FD_CLOEXEC);
    if (GetParam() == Who::Ordinary && ::fchown(slave, ordinary_uid(), ordinary_uid()) != 0) std::abort();
    Stdio stdio;
    stdio.in_fd = slave;
    auto outcome = world.run(argv, stdio);
    ::close(master);
    ::close(slave);
    return outcome;
  };
  const bool root = GetParam() == Who::Self && ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(said(try_it({"./victim", "kernel", "terminal"}).out, "tiocsti"), "ok");
  }
  const auto outcome = try_it(world.inside({"./victim", "kernel", "terminal"}));
  EXPECT_EQ(said(outcome.out, "tiocsti"), "EPERM") << outcome.out << outcome.err;
  EXPECT_EQ(said(outcome.out, "tiocsti-high"), "EPERM");
  EXPECT_EQ(said(outcome.out, "tioclinux"), "EPERM");
}

TEST_P(KernelDoors, NeitherTheFirstProcessNorTheSupervisorCanBeKilled) {
  World world(GetParam());
  const auto outcome = world.run_inside({"./victim", "process", "kill-guards"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_GE(number(outcome.out, "hit"), 0) << outcome.out;
  // The session still ends as it should: its record is whole.
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, KernelDoors, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
