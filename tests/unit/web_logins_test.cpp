#include <gtest/gtest.h>

#include <set>

#include "web/bucket.h"
#include "web/logins.h"

namespace assent::web {
namespace {

using namespace std::chrono_literals;

class LoginsTest : public testing::Test {
 protected:
  Logins logins;
  Logins::Clock::time_point now = Logins::Clock::now();
  Login ana{1000, 1000, "assent web on /dev/pts/1"};
};

TEST_F(LoginsTest, ATokenOpensOneLoginAndNeverASecond) {
  const auto token = logins.issue(ana, now);
  EXPECT_GE(token.size(), 43u) << "256 bits";
  const auto opened = logins.redeem(token, now);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->login.uid, 1000u);
  EXPECT_EQ(opened->login.from, ana.from);
  EXPECT_FALSE(logins.redeem(token, now));
  EXPECT_FALSE(logins.redeem("", now));
}

TEST_F(LoginsTest, ATokenIsForgottenWhenItsTimeIsOver) {
  const auto token = logins.issue(ana, now);
  EXPECT_FALSE(logins.redeem(token, now + kDoorLife));
  EXPECT_EQ(logins.tokens(), 0u);
  const auto second = logins.issue(ana, now);
  EXPECT_TRUE(logins.redeem(second, now + kDoorLife - 1s));
}

TEST_F(LoginsTest, NeitherTheCookieNorTheKeyAloneIsALogin) {
  const auto opened = logins.redeem(logins.issue(ana, now), now);
  const auto other = logins.redeem(logins.issue(ana, now), now);
  EXPECT_TRUE(logins.find(opened->cookie, opened->key, now));
  EXPECT_FALSE(logins.find(opened->cookie, "", now));
  EXPECT_FALSE(logins.find("", opened->key, now));
  EXPECT_FALSE(logins.find(opened->key, opened->cookie, now));
  EXPECT_FALSE(logins.find(opened->cookie, other->key, now));
}

TEST_F(LoginsTest, ALoginEndsWhenItIsIdleAndAtTheLatestAfterItsLife) {
  const auto idle = logins.redeem(logins.issue(ana, now), now);
  EXPECT_FALSE(logins.find(idle->cookie, idle->key, now + kIdleLife));
  const auto busy = logins.redeem(logins.issue(ana, now), now);
  auto at = now;
  for (; at < now + kLoginLife; at += std::chrono::minutes(kIdleLife) / 2)
    ASSERT_TRUE(logins.find(busy->cookie, busy->key, at));
  EXPECT_FALSE(logins.is_open(busy->cookie, now + kLoginLife));
  EXPECT_FALSE(logins.find(busy->cookie, busy->key, now + kLoginLife));
}

TEST_F(LoginsTest, WhoLogsOutIsOut) {
  const auto opened = logins.redeem(logins.issue(ana, now), now);
  EXPECT_TRUE(logins.is_open(opened->cookie, now));
  logins.close(opened->cookie);
  EXPECT_FALSE(logins.find(opened->cookie, opened->key, now));
  EXPECT_FALSE(logins.is_open(opened->cookie, now));
}

TEST_F(LoginsTest, OnePersonsLoginsTakeNothingFromAnothers) {
  const auto bob = logins.redeem(logins.issue({1001, 1001, ""}, now), now);
  const auto bobs_token = logins.issue({1001, 1001, ""}, now);
  for (int i = 0; i < 500; ++i) {
    now += 1ms;
    logins.issue(ana, now);
    logins.redeem(logins.issue(ana, now), now);
  }
  EXPECT_LE(logins.tokens(), 20u);
  EXPECT_LE(logins.open(), 20u);
  EXPECT_TRUE(logins.find(bob->cookie, bob->key, now));
  EXPECT_TRUE(logins.redeem(bobs_token, now));
}

TEST(BucketTest, LetsABurstThroughAndThenSoManyASecond) {
  Bucket bucket(10, 5);
  auto now = Bucket::Clock::now();
  const auto taken = [&] {
    int n = 0;
    while (bucket.take(now)) ++n;
    return n;
  };
  EXPECT_EQ(taken(), 5);
  now += 300ms;
  EXPECT_EQ(taken(), 3);
  now += 1h;
  EXPECT_EQ(taken(), 5);
}

}  // namespace
}  // namespace assent::web
