// A sandbox on its way: it waits for its orders, and nothing of it is left where none come.
#include <sys/prctl.h>

#include "integration/floor_support.h"

namespace assent::floor_test {
namespace {

// Whether this process has no children, dead or alive.
bool is_childless() { return ::waitpid(-1, nullptr, WNOHANG | __WALL) < 0 && errno == ECHILD; }

// In a process of its own: its exit status.
int in_a_child(Who who, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    become(who);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

launch::Spec spec_for(const World& world, const std::string& script, std::span<const sock_filter> filter) {
  launch::Spec spec;
  spec.layout = world.layout;
  spec.argv = {"sh", "-c", script};
  spec.environment = {"PATH=/usr/bin:/bin"};
  spec.cwd = world.project;
  spec.filter = filter;
  return spec;
}

class FloorLaunch : public testing::TestWithParam<Who> {
 protected:
  World world{GetParam()};
};

TEST_P(FloorLaunch, OneThatIsDroppedLeavesNothing) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [] {
                         for (int i = 0; i < 5; ++i) {
                           launch::Launch dropped = launch::Launch::begin();
                           ::usleep(static_cast<useconds_t>(i * 700));
                         }
                         return is_childless() ? 0 : 1;
                       }),
            0);
}

TEST_P(FloorLaunch, OneWhoseOrdersAreRefusedLeavesNothing) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [this] {
                         {
                           launch::Launch launch = launch::Launch::begin();
                           auto spec = spec_for(world, "true", {});
                           spec.layout.gated.push_back("/no/such/folder");
                           if (launch.furnish(spec)) return 1;
                         }
                         return is_childless() ? 0 : 2;
                       }),
            0);
}

TEST_P(FloorLaunch, OneThatFailsInsideLeavesNothing) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [this] {
                         {
                           const auto filter = allow_all();
                           launch::Launch launch = launch::Launch::begin();
                           auto spec = spec_for(world, "true", filter);
                           spec.cwd = world.home + "/.ssh";  // hidden: the agent cannot enter it
                           if (!launch.furnish(spec) || launch.stand()) return 1;
                         }
                         return is_childless() ? 0 : 2;
                       }),
            0);
}

TEST_P(FloorLaunch, OneThatIsTakenElsewhereIsTheSame) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [this] {
                         const auto filter = allow_all();
                         launch::Launch first = launch::Launch::begin();
                         launch::Launch launch = std::move(first);
                         if (!launch.furnish(spec_for(world, "exit 7", filter))) return 1;
                         auto sandbox = launch.stand();
                         if (!sandbox || !sandbox->go()) return 2;
                         return wait_for_end(*sandbox);
                       }),
            7);
}

// A command line that the kernel would take is taken; more than the shared room holds is refused, not cut.
TEST_P(FloorLaunch, OrdersBeyondTheRoomAreRefused) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [this] {
                         const auto filter = allow_all();
                         launch::Launch launch = launch::Launch::begin();
                         auto spec = spec_for(world, "true", filter);
                         for (int i = 0; i < 200; ++i) spec.argv.emplace_back(100'000, 'x');
                         auto furnished = launch.furnish(spec);
                         return !furnished && furnished.error().code == E2BIG ? 0 : 1;
                       }),
            0);
}

// What holds a descriptor open when the agent ends must be gone when kill() returns, whoever it is.
TEST_P(FloorLaunch, WhatTheAgentLeftBehindIsGoneAfterKill) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [this] {
                         int pipe[2];
                         if (::pipe2(pipe, O_CLOEXEC) != 0) return 1;
                         const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
                         const auto filter = allow_all();
                         auto spec =
                             spec_for(world, "setsid sleep 100 & setsid sh -c 'sleep 100 & exit' & exit 0", filter);
                         spec.stdio = {null, pipe[1], null};
                         auto sandbox = launch::Sandbox::start(spec);
                         if (!sandbox || !sandbox->go()) return 2;
                         ::close(pipe[1]);
                         if (wait_for_end(*sandbox) != 0) return 3;
                         sandbox->kill();
                         pollfd end{pipe[0], POLLIN, 0};
                         return ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0 ? 0 : 4;
                       }),
            0);
}

TEST_P(FloorLaunch, OfAnAgentThatWasAloneNothingIsLeftEither) {
  EXPECT_EQ(in_a_child(GetParam(),
                       [this] {
                         int pipe[2];
                         if (::pipe2(pipe, O_CLOEXEC) != 0) return 1;
                         const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
                         const auto filter = allow_all();
                         auto spec = spec_for(world, "(sleep 0.01 &) ; sleep 0.1; exit 0",
                                              filter);  // the orphan has ended by then
                         spec.stdio = {null, pipe[1], null};
                         auto sandbox = launch::Sandbox::start(spec);
                         if (!sandbox || !sandbox->go()) return 2;
                         ::close(pipe[1]);
                         if (wait_for_end(*sandbox) != 0) return 3;
                         sandbox->kill();
                         pollfd end{pipe[0], POLLIN, 0};
                         return ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0 ? 0 : 4;
                       }),
            0);
}

INSTANTIATE_TEST_SUITE_P(Both, FloorLaunch, testing::ValuesIn(everyone()),
                         [](const auto& named) { return name(named.param); });

}  // namespace
}  // namespace assent::floor_test
