#include "base/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>
#include <csignal>
#include <functional>
#include <thread>
#include <vector>

namespace assent {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

EventLoop make_loop() { return std::move(EventLoop::create().value()); }

TEST(EventLoop, CallsBackWhenADescriptorIsReady) {
  EventLoop loop = make_loop();
  Pipe pipe;
  std::uint32_t seen = 0;
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, [&](std::uint32_t events) { seen = events; }));
  ASSERT_TRUE(loop.run_once(0ns));
  EXPECT_EQ(seen, 0U);
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(seen, EPOLLIN);
}

TEST(EventLoop, IsLevelTriggered) {
  EventLoop loop = make_loop();
  Pipe pipe;
  int calls = 0;
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, [&](std::uint32_t) { ++calls; }));
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once(1s));
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, TellsOfAHangUpEvenWhenNothingWasAskedFor) {
  EventLoop loop = make_loop();
  Pipe pipe;
  std::uint32_t seen = 0;
  ASSERT_TRUE(loop.add(pipe.read.get(), 0, [&](std::uint32_t events) { seen = events; }));
  pipe.write.reset();
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(seen, EPOLLHUP);
}

TEST(EventLoop, ModifyChangesWhatIsWaitedFor) {
  EventLoop loop = make_loop();
  Pipe pipe;
  int calls = 0;
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, [&](std::uint32_t) { ++calls; }));
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.modify(pipe.read.get(), 0));
  ASSERT_TRUE(loop.run_once(0ns));
  EXPECT_EQ(calls, 0);
  ASSERT_TRUE(loop.modify(pipe.read.get(), EPOLLIN));
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, AHandlerMayRemoveItself) {
  EventLoop loop = make_loop();
  Pipe pipe;
  const std::string owned = "still alive after the removal";
  int calls = 0;
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, [&, owned](std::uint32_t) {
    loop.remove(pipe.read.get());
    calls += owned.empty() ? 0 : 1;
  }));
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once(1s));
  ASSERT_TRUE(loop.run_once(0ns));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, ADescriptorRemovedInTheSameRoundIsNotCalled) {
  EventLoop loop = make_loop();
  Pipe a;
  Pipe b;
  int calls = 0;
  ASSERT_TRUE(loop.add(a.read.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.remove(b.read.get());
  }));
  ASSERT_TRUE(loop.add(b.read.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.remove(a.read.get());
  }));
  ASSERT_EQ(::write(a.write.get(), "x", 1), 1);
  ASSERT_EQ(::write(b.write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(calls, 1);
}

// A number that is closed, opened again and added again within one round belongs to another file: an event that was
// fetched for the old one must not be taken for the new one's. Level-triggered handlers of ours read without blocking,
// so a spurious call is harmless; a lost one would not be.
TEST(EventLoop, ANewDescriptorOfAnOldNumberIsHeard) {
  EventLoop loop = make_loop();
  Pipe a;
  auto b = std::make_unique<Pipe>();
  int heard = 0;
  ASSERT_TRUE(loop.add(b->read.get(), EPOLLIN, [](std::uint32_t) {}));
  loop.remove(b->read.get());
  b = std::make_unique<Pipe>();
  ASSERT_TRUE(loop.add(b->read.get(), EPOLLIN, [&](std::uint32_t) { ++heard; }));
  ASSERT_EQ(::write(b->write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(heard, 1);
}

TEST(EventLoop, AddingTwiceOrAddingAPlainFileFails) {
  EventLoop loop = make_loop();
  Pipe pipe;
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, [](std::uint32_t) {}));
  EXPECT_EQ(loop.add(pipe.read.get(), EPOLLIN, [](std::uint32_t) {}).error().code, EEXIST);
  UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(loop.add(file.get(), EPOLLIN, [](std::uint32_t) {}).error().code, EPERM);
  EXPECT_EQ(loop.add(-1, EPOLLIN, [](std::uint32_t) {}).error().code, EBADF);
  loop.remove(4000);  // unknown: nothing happens
}

TEST(EventLoop, AFailedSecondAddKeepsTheFirstHandler) {
  EventLoop loop = make_loop();
  Pipe pipe;
  int first = 0;
  int second = 0;
  ASSERT_TRUE(loop.add(pipe.read.get(), EPOLLIN, [&](std::uint32_t) { ++first; }));
  ASSERT_FALSE(loop.add(pipe.read.get(), EPOLLIN, [&](std::uint32_t) { ++second; }));
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once(1s));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
}

TEST(EventLoop, TimersRunInTheOrderTheyAreDue) {
  EventLoop loop = make_loop();
  std::vector<int> order;
  loop.after(600ms, [&] {  // far apart, for each counts from its own call
    order.push_back(2);
    loop.stop();
  });
  loop.after(300ms, [&] { order.push_back(1); });
  loop.after(0ms, [&] { order.push_back(0); });
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(EventLoop, ATimerIsNeverEarly) {
  EventLoop loop = make_loop();
  const auto start = EventLoop::Clock::now();
  loop.after(15ms, [&] { loop.stop(); });
  ASSERT_TRUE(loop.run());
  EXPECT_GE(EventLoop::Clock::now() - start, 15ms);
}

TEST(EventLoop, ACancelledTimerNeverRuns) {
  EventLoop loop = make_loop();
  bool ran = false;
  const auto timer = loop.after(1ms, [&] { ran = true; });
  loop.cancel(timer);
  loop.cancel(timer);                 // twice: nothing happens
  loop.cancel(EventLoop::TimerId{});  // none: nothing happens
  loop.after(5ms, [&] { loop.stop(); });
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(ran);
}

TEST(EventLoop, ATimerMayCancelAnotherThatIsDueAndSetNewOnes) {
  EventLoop loop = make_loop();
  bool ran = false;
  EventLoop::TimerId other;
  loop.after(1ms, [&] {
    loop.cancel(other);
    loop.after(1ms, [&] { loop.stop(); });
  });
  other = loop.after(1ms + 1ns, [&] { ran = true; });
  std::this_thread::sleep_for(3ms);  // both are due in the same round
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(ran);
}

TEST(EventLoop, ATimerThatIsDueSoonerIsNotHeldUpByOneThatWasSetBefore) {
  EventLoop loop = make_loop();
  bool late = false;
  loop.after(std::chrono::hours(1), [&] { late = true; });
  ASSERT_TRUE(loop.run_once(0ns));
  loop.after(1ms, [&] { loop.stop(); });
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(late);
}

TEST(EventLoop, TheTimersAfterOneThatWasCancelledStillRun) {
  EventLoop loop = make_loop();
  const auto first = loop.after(1ms, [] {});
  ASSERT_TRUE(loop.run_once(0ns));
  loop.cancel(first);
  int ran = 0;
  loop.after(2ms, [&] {
    ++ran;
    loop.after(1ms, [&] {
      ++ran;
      loop.stop();
    });
  });
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(ran, 2);
}

TEST(EventLoop, StopFromAHandlerEndsTheRun) {
  EventLoop loop = make_loop();
  UniqueFd event(::eventfd(1, EFD_CLOEXEC));
  ASSERT_TRUE(loop.add(event.get(), EPOLLIN, [&](std::uint32_t) { loop.stop(); }));
  ASSERT_TRUE(loop.run());
}

TEST(EventLoop, ASignalDoesNotEndTheRun) {
  EventLoop loop = make_loop();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  bool done = false;
  loop.after(30ms, [&] {
    done = true;
    loop.stop();
  });
  const pthread_t self = ::pthread_self();
  std::jthread poker([self] {
    std::this_thread::sleep_for(5ms);
    ::pthread_kill(self, SIGUSR1);
  });
  ASSERT_TRUE(loop.run());
  EXPECT_TRUE(done);
  poker.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(EventLoop, ManyDescriptorsAreAllServed) {
  EventLoop loop = make_loop();
  std::vector<UniqueFd> events;
  int served = 0;
  for (int i = 0; i < 200; ++i) {  // more than one wait returns
    events.emplace_back(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    const int fd = events.back().get();
    ASSERT_TRUE(loop.add(fd, EPOLLIN, [&, fd](std::uint32_t) {
      ++served;
      loop.remove(fd);
    }));
  }
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(loop.run_once(0ns));
  EXPECT_EQ(served, 200);
}

TEST(EventLoopDirect, IsServedBesideEpollAndTimers) {
  auto loop = EventLoop::create().value();
  int direct[2], other[2];
  ASSERT_EQ(::pipe2(direct, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(other, O_CLOEXEC), 0);
  const UniqueFd direct_read(direct[0]), other_read(other[0]);
  UniqueFd direct_write(direct[1]), other_write(other[1]);
  std::vector<std::string> seen;
  ASSERT_TRUE(loop.add_direct(direct_read.get(), [&](std::uint32_t events) {
    seen.emplace_back((events & EPOLLIN) != 0 ? "direct" : "hang-up");
    if ((events & EPOLLIN) == 0) loop.remove(direct_read.get());
    char byte;
    (void)!::read(direct_read.get(), &byte, (events & EPOLLIN) != 0 ? 1 : 0);
  }));
  ASSERT_TRUE(loop.add(other_read.get(), EPOLLIN, [&](std::uint32_t) {
    seen.emplace_back("epoll");
    char byte;
    (void)!::read(other_read.get(), &byte, 1);
  }));
  ASSERT_FALSE(loop.add_direct(other_read.get(), [](std::uint32_t) {})) << "only one can be polled directly";

  ASSERT_EQ(::write(direct_write.get(), "x", 1), 1);
  ASSERT_EQ(::write(other_write.get(), "x", 1), 1);
  ASSERT_TRUE(loop.run_once());
  EXPECT_EQ(seen, (std::vector<std::string>{"direct", "epoll"}));
  loop.after(std::chrono::milliseconds(1), [&] { seen.emplace_back("timer"); });
  ASSERT_TRUE(loop.run_once());
  EXPECT_EQ(seen.back(), "timer");
  direct_write.reset();
  ASSERT_TRUE(loop.run_once());
  EXPECT_EQ(seen.back(), "hang-up");
}

// A pipe that is waited for by a read, as the listener is by its ioctl.
struct SleptFor {
  explicit SleptFor(EventLoop& loop_in) : loop(loop_in) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    EXPECT_TRUE(loop.add_direct(read_end.get(), [this](std::uint32_t events) { serve(events); }));
    loop.sleep_for_direct({[this] { taken = ::read(read_end.get(), &byte, 1) == 1; }, [this] { ++threads; }});
  }
  void serve(std::uint32_t events) {
    if (events != EventLoop::kTaken) taken = ::read(read_end.get(), &byte, 1) == 1;
    if (!taken) return;
    slept += events == EventLoop::kTaken ? 1 : 0;
    ++served;
    if (on_byte) on_byte();
  }
  void send() const { EXPECT_EQ(::write(write_end.get(), "x", 1), 1); }

  EventLoop& loop;
  UniqueFd read_end;
  UniqueFd write_end;
  char byte = 0;
  bool taken = false;
  int served = 0;
  int slept = 0;
  int threads = 0;
  std::function<void()> on_byte;
};

TEST(EventLoopDirect, IsSleptForAfterAStreak) {
  EventLoop loop = make_loop();
  SleptFor pipe(loop);
  constexpr int kAll = EventLoop::kStreak * 3;
  pipe.on_byte = [&] { pipe.served < kAll ? pipe.send() : loop.stop(); };
  pipe.send();
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(pipe.served, kAll);
  EXPECT_EQ(pipe.slept, kAll - EventLoop::kStreak);
  EXPECT_EQ(pipe.threads, 1);
}

TEST(EventLoopDirect, NothingElseWaitsForOneThatIsSleptFor) {
  EventLoop loop = make_loop();
  SleptFor pipe(loop);
  int timers = 0;
  bool rang = false;
  const UniqueFd bell(::eventfd(0, EFD_CLOEXEC));
  // Nothing more comes through the pipe, so the loop sleeps in its read when these are due.
  pipe.on_byte = [&] {
    if (pipe.served < EventLoop::kStreak * 2) return pipe.send();
    loop.after(1ms, [&] {
      ++timers;
      const std::uint64_t one = 1;
      std::thread([&bell, one] { (void)!::write(bell.get(), &one, sizeof one); }).join();
    });
  };
  ASSERT_TRUE(loop.add(bell.get(), EPOLLIN, [&](std::uint32_t) {
    rang = true;
    loop.stop();
  }));
  for (int round = 0; round < 20; ++round) {
    pipe.served = 0;
    rang = false;
    pipe.send();
    ASSERT_TRUE(loop.run());
    EXPECT_TRUE(rang);
    std::uint64_t times = 0;
    ASSERT_EQ(::read(bell.get(), &times, sizeof times), static_cast<ssize_t>(sizeof times));
  }
  EXPECT_EQ(timers, 20);
  EXPECT_GT(pipe.slept, 0);
}

TEST(EventLoopDirect, MayBeRemovedWhileItIsSleptFor) {
  EventLoop loop = make_loop();
  SleptFor pipe(loop);
  pipe.on_byte = [&] {
    if (pipe.served < EventLoop::kStreak * 2) return pipe.send();
    loop.remove(pipe.read_end.get());
    loop.after(1ms, [&] { loop.stop(); });
  };
  pipe.send();
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(pipe.served, EventLoop::kStreak * 2);
}

}  // namespace
}  // namespace assent
