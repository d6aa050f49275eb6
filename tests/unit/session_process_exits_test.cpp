// Ends of processes: the young are looked at together, the others waited for; each is told once.
#include "session/process_exits.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "base/sys.h"

namespace assent::session {
namespace {

using namespace std::chrono_literals;

class ProcessExitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = std::make_unique<EventLoop>(std::move(*loop));
    exits_ = std::make_unique<ProcessExits>(
        *loop_, [this](std::uint64_t process, std::optional<int> status) { told_[process].push_back(status); });
  }
  // Ends with `status` as soon as its end of the pipe is closed.
  struct Child {
    pid_t pid = 0;
    UniqueFd gate;
    std::shared_ptr<const UniqueFd> pidfd;
  };
  static Child start(int status) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Child out;
    out.pid = ::fork();
    if (out.pid == 0) {
      ::close(ends[1]);
      char byte = 0;
      (void)!::read(ends[0], &byte, 1);
      ::_exit(status);
    }
    ::close(ends[0]);
    out.gate.reset(ends[1]);
    out.pidfd = std::make_shared<const UniqueFd>(std::move(*sys::pidfd_open(out.pid)));
    return out;
  }
  static void end(Child& child) {
    child.gate.reset();
    EXPECT_EQ(::waitpid(child.pid, nullptr, 0), child.pid);
  }
  void run_until_told(std::size_t processes) {
    for (int i = 0; i < 10000 && told_.size() < processes; ++i) (void)loop_->run_once(20ms).has_value();
  }
  // Before Linux 6.15 nobody but the parent is told how.
  static void expect_status(const std::vector<std::optional<int>>& told, int status) {
    ASSERT_EQ(told.size(), 1U);
    if (told.front()) {
      EXPECT_EQ(*told.front(), status << 8);
    }
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<ProcessExits> exits_;
  std::map<std::uint64_t, std::vector<std::optional<int>>> told_;
};

TEST_F(ProcessExitsTest, AProcessThatEndsAtOnceIsToldOfOnce) {
  Child child = start(3);
  exits_->watch(1, child.pidfd);
  exits_->watch(1, child.pidfd);
  end(child);
  run_until_told(1);
  expect_status(told_[1], 3);
  exits_->finish();
  EXPECT_EQ(told_[1].size(), 1U);
}

TEST_F(ProcessExitsTest, AProcessThatStaysIsToldOfWhenItEnds) {
  Child stays = start(4);
  exits_->watch(1, stays.pidfd);
  Child goes = start(5);
  exits_->watch(2, goes.pidfd);
  end(goes);
  run_until_told(1);
  ASSERT_TRUE(told_.contains(2)) << "the young have been looked at";
  EXPECT_FALSE(told_.contains(1));
  end(stays);
  run_until_told(2);
  expect_status(told_[1], 4);
  expect_status(told_[2], 5);
}

TEST_F(ProcessExitsTest, AtTheEndOfTheSessionAllAreToldOf) {
  Child young = start(0);
  exits_->watch(1, young.pidfd);
  exits_->finish();
  EXPECT_EQ(told_[1].size(), 1U);
  end(young);
  (void)loop_->run_once(200ms).has_value();
  EXPECT_EQ(told_[1].size(), 1U) << "not once more by the look that was due";
}

}  // namespace
}  // namespace assent::session
