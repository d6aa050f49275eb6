#include "session/watchdog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

namespace assent::session {
namespace {

TEST(Watchdog, InterruptsACallbackThatWaitsForGood) {
  auto loop = EventLoop::create();
  ASSERT_TRUE(loop);
  auto watchdog = Watchdog::start(*loop);
  ASSERT_TRUE(watchdog);
  int nobody_writes[2];
  ASSERT_EQ(::pipe(nobody_writes), 0);
  int interrupted = 0;
  loop->after({}, [&] {
    char byte = 0;
    if (::read(nobody_writes[0], &byte, 1) < 0) interrupted = errno;
  });
  ASSERT_TRUE(loop->run_once());
  EXPECT_EQ(interrupted, EINTR);
  ::close(nobody_writes[0]);
  ::close(nobody_writes[1]);
}

TEST(Watchdog, LeavesALoopAloneThatWaitsForWork) {
  auto loop = EventLoop::create();
  ASSERT_TRUE(loop);
  EXPECT_FALSE(EventLoop::is_busy(loop->turn()));
  bool busy = false;
  loop->after({}, [&] { busy = EventLoop::is_busy(loop->turn()); });
  ASSERT_TRUE(loop->run_once());
  EXPECT_TRUE(busy);
  EXPECT_FALSE(EventLoop::is_busy(loop->turn()));
}

}  // namespace
}  // namespace assent::session
