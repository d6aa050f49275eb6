#include "base/stand_in.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <thread>

namespace assent {
namespace {

struct Bell {
  Bell() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  void ring() const {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(fd.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }
  void hush() const {
    std::uint64_t times = 0;
    EXPECT_EQ(::read(fd.get(), &times, sizeof times), static_cast<ssize_t>(sizeof times));
  }
  UniqueFd fd;
};

// Sleeps until a signal comes; the errno says so.
int sleep_somewhere() {
  errno = 0;
  ::pause();
  return errno;
}

std::unique_ptr<StandIn> stand_in_for(const Bell& bell) { return std::move(StandIn::start(bell.fd.get()).value()); }

TEST(StandIn, EndsACallThatKnowsNothingOfTheDescriptor) {
  const Bell bell;
  const auto stand_in = stand_in_for(bell);
  stand_in->watch();
  ASSERT_TRUE(stand_in->enter());
  std::thread other([&] { bell.ring(); });
  EXPECT_EQ(sleep_somewhere(), EINTR);
  stand_in->leave();
  EXPECT_TRUE(stand_in->came());
  other.join();
}

TEST(StandIn, LetsNobodySleepWhenSomethingCameBefore) {
  const Bell bell;
  const auto stand_in = stand_in_for(bell);
  bell.ring();
  stand_in->watch();
  while (!stand_in->came()) std::this_thread::yield();
  EXPECT_FALSE(stand_in->enter());
}

TEST(StandIn, InterruptsEverySleepThoughAnySignalMayComeTooEarly) {
  const Bell bell;
  const auto stand_in = stand_in_for(bell);
  for (int i = 0; i < 300; ++i) {
    stand_in->watch();
    std::thread other([&] { bell.ring(); });
    while (stand_in->enter()) {
      sleep_somewhere();
      stand_in->leave();
    }
    bell.hush();
    stand_in->taken();
    other.join();
  }
}

TEST(StandIn, InterruptsNothingAfterTheSleep) {
  const Bell bell;
  const auto stand_in = stand_in_for(bell);
  for (int i = 0; i < 300; ++i) {
    stand_in->watch();
    std::thread other([&] { bell.ring(); });
    if (stand_in->enter()) stand_in->leave();
    // A wait of no time is interrupted by a signal that is there already.
    const timespec shortly{0, 1000};
    EXPECT_EQ(::clock_nanosleep(CLOCK_MONOTONIC, 0, &shortly, nullptr), 0);
    while (!stand_in->came()) std::this_thread::yield();
    bell.hush();
    stand_in->taken();
    other.join();
  }
}

TEST(StandIn, WatchesNothingUntilItIsTold) {
  const Bell bell;
  const auto stand_in = stand_in_for(bell);
  bell.ring();
  stand_in->watch();
  while (!stand_in->came()) std::this_thread::yield();
  bell.hush();
  stand_in->taken();
  bell.ring();
  EXPECT_FALSE(stand_in->came());
  EXPECT_TRUE(stand_in->enter());
  stand_in->leave();
}

TEST(StandIn, EndsWhileItWatches) {
  const Bell bell;
  const auto stand_in = stand_in_for(bell);
  stand_in->watch();
}

}  // namespace
}  // namespace assent
