// Who may run where while a descriptor is placed, and afterwards.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notify/near_us.h"

namespace assent::notify {
namespace {

cpu_set_t mask_of(pid_t tid) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  EXPECT_EQ(::sched_getaffinity(tid, sizeof mask, &mask), 0);
  return mask;
}
bool same(const cpu_set_t& one, const cpu_set_t& other) { return CPU_EQUAL(&one, &other); }

class NearUsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = mask_of(0);
    if (CPU_COUNT(&before_) < 2) GTEST_SKIP() << "one CPU";
    for (pid_t* one : {&agent_, &other_}) {
      *one = ::fork();
      if (*one == 0) {
        ::pause();
        ::_exit(0);
      }
    }
  }
  void TearDown() override {
    leave_cpu();
    for (const pid_t one : {agent_, other_}) {
      if (one <= 0) continue;
      ::kill(one, SIGKILL);
      ::waitpid(one, nullptr, 0);
    }
  }
  cpu_set_t before_;
  pid_t agent_ = 0;
  pid_t other_ = 0;
};

TEST_F(NearUsTest, TheCallerIsKeptOnOurCpuOnlyWhileItLasts) {
  {
    const NearUs near(agent_);
    const cpu_set_t now = mask_of(agent_);
    EXPECT_EQ(CPU_COUNT(&now), 1);
    EXPECT_TRUE(CPU_ISSET(::sched_getcpu(), &now));
  }
  EXPECT_TRUE(same(mask_of(agent_), before_));
}

TEST_F(NearUsTest, WeStayForTheSameCallerAndLeaveForAnother) {
  { const NearUs near(agent_); }
  const cpu_set_t staying = mask_of(0);
  EXPECT_EQ(CPU_COUNT(&staying), 1);
  leave_cpu_unless_for(agent_);
  EXPECT_TRUE(same(mask_of(0), staying));
  leave_cpu_unless_for(other_);
  EXPECT_TRUE(same(mask_of(0), before_)) << "another thread calls from wherever it is";
  leave_cpu();
  EXPECT_TRUE(same(mask_of(0), before_));
}

TEST_F(NearUsTest, ACpuThatTheCallerMayNotUseIsNotForcedOnIt) {
  const int here = ::sched_getcpu();
  cpu_set_t elsewhere = before_;
  CPU_CLR(here, &elsewhere);
  ASSERT_EQ(::sched_setaffinity(agent_, sizeof elsewhere, &elsewhere), 0);
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(here, &only);
  ASSERT_EQ(::sched_setaffinity(0, sizeof only, &only), 0);
  { const NearUs near(agent_); }
  EXPECT_TRUE(same(mask_of(agent_), elsewhere));
  EXPECT_EQ(::sched_setaffinity(0, sizeof before_, &before_), 0);
}

}  // namespace
}  // namespace assent::notify
