#include "approve/deny_all.h"

#include <gtest/gtest.h>

#include "unit/approve_question_fixture.h"

namespace assent::approve {
namespace {

TEST(DenyAll, SaysNoAtOnce) {
  DenyAll nobody;
  int answers = 0;
  nobody.ask(make_question(5), [&](const Answer& answer) {
    ++answers;
    EXPECT_EQ(answer.question, 5U);
    EXPECT_EQ(answer.consent, Consent::No);
    EXPECT_EQ(answer.who, "headless");
    EXPECT_EQ(answer.reason, "needs a human, none is attached");
  });
  EXPECT_EQ(answers, 1);
  nobody.cancel(5);
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace assent::approve
