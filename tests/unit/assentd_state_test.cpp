#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assentd/state.h"
#include "unit/approve_question_fixture.h"

namespace assent::assentd {
namespace {

using namespace std::chrono_literals;
using approve::make_question;
using approve::message::Give;
using testing::HasSubstr;

const Person kSelf{1000, "u", {"u"}};
const Person kAna{1001, "ana", {"ana"}};
const Person kBen{1002, "ben", {"ben", "ops"}};

class Daemon : public testing::Test {
 protected:
  State state{42};
  State::Clock::time_point now = State::Clock::now();
  SessionKey session = *state.open({"s-1", "", "/p", {"agent"}, 7, {}}, kSelf);

  State::Deliveries ask(Question question, std::chrono::milliseconds left = 5min) {
    return state.ask(session, std::move(question), left, now);
  }
  std::vector<approve::message::Waiting> waiting(const Person& person = kSelf) {
    std::vector<approve::message::Waiting> out;
    state.each_waiting(person, now, [&](auto one) { out.push_back(std::move(one)); });
    return out;
  }
  State::GivenBack give(const Person& person, Consent consent = Consent::Yes, Scope scope = Scope::Once,
                        std::string confirm = "") {
    const auto all = waiting(kSelf);
    return state.give(Give{all.empty() ? "none" : all.front().id, consent, scope, "because", std::move(confirm)},
                      person, "here", now);
  }
  static Question for_two() {
    Question out = make_question();
    out.decision.quorum = 2;
    out.decision.approvers = {"ana", "group:ops", "u"};
    return out;
  }
};

TEST_F(Daemon, AYesReachesTheSessionWithWhoWhereAndHowLong) {
  EXPECT_TRUE(ask(make_question(5)).empty());
  now += 3s;
  const auto given = give(kSelf, Consent::Yes, Scope::Command);
  ASSERT_TRUE(given.missing);
  EXPECT_EQ(*given.missing, 0u);
  ASSERT_EQ(given.deliveries.size(), 1u);
  const Answer& answer = given.deliveries.front().answer;
  EXPECT_EQ(given.deliveries.front().session, session);
  EXPECT_EQ(answer.question, 5u);
  EXPECT_EQ(answer.consent, Consent::Yes);
  EXPECT_EQ(answer.scope, Scope::Command);
  EXPECT_EQ(answer.who, "u");
  EXPECT_EQ(answer.uid, 1000u);
  EXPECT_EQ(answer.from, "here");
  EXPECT_EQ(answer.took, 3s);
  EXPECT_TRUE(waiting().empty());
}

TEST_F(Daemon, TwoDifferentPeopleAreNeededWhereTheRuleSaysSo) {
  ask(for_two());
  auto first = give(kAna, Consent::Yes, Scope::Session);
  ASSERT_TRUE(first.missing) << first.missing.error().what;
  EXPECT_EQ(*first.missing, 1u);
  EXPECT_TRUE(first.deliveries.empty());
  EXPECT_EQ(waiting().front().question.votes.front().who, "ana") << "everyone sees who has answered so far";

  auto again = give(kAna);
  ASSERT_FALSE(again.missing);
  EXPECT_THAT(again.missing.error().what, HasSubstr("already"));
  EXPECT_EQ(waiting().size(), 1u);

  auto second = give(kBen, Consent::Yes, Scope::Once);
  ASSERT_TRUE(second.missing);
  ASSERT_EQ(second.deliveries.size(), 1u);
  const Answer& answer = second.deliveries.front().answer;
  EXPECT_EQ(answer.consent, Consent::Yes);
  EXPECT_EQ(answer.scope, Scope::Once) << "no further than the most careful of them meant";
  ASSERT_EQ(answer.votes.size(), 2u);
  EXPECT_EQ(answer.votes[0].uid, 1001u);
  EXPECT_EQ(answer.votes[1].uid, 1002u);
}

TEST_F(Daemon, OneNoIsEnough) {
  ask(for_two());
  (void)give(kAna);
  auto no = give(kBen, Consent::No);
  ASSERT_EQ(no.deliveries.size(), 1u);
  EXPECT_EQ(no.deliveries.front().answer.consent, Consent::No);
  EXPECT_EQ(no.deliveries.front().answer.reason, "because");
}

TEST_F(Daemon, WhoIsNoApproverIsRefusedWithTheReason) {
  Question question = make_question();
  question.decision.approvers = {"ana"};
  ask(question);
  const auto given = give(kBen);
  ASSERT_FALSE(given.missing);
  EXPECT_EQ(given.missing.error().code, EACCES);
  EXPECT_THAT(given.missing.error().what, HasSubstr("none of its approvers (ana)"));
  EXPECT_EQ(waiting().size(), 1u);
  EXPECT_FALSE(waiting(kSelf).front().may_answer);
  EXPECT_TRUE(waiting(kBen).empty()) << "what is not theirs to answer is not theirs to see";
  EXPECT_TRUE(waiting(kAna).front().may_answer);
}

TEST_F(Daemon, TheWordsMustBeTypedExactly) {
  Question question = make_question();
  question.confirm = "1204";
  ask(question);
  for (const char* typed : {"", "1", "1204 ", "12040", "y"})
    EXPECT_FALSE(give(kSelf, Consent::Yes, Scope::Once, typed).missing) << typed;
  EXPECT_TRUE(give(kSelf, Consent::Yes, Scope::Once, "1204").missing);
}

TEST_F(Daemon, TheSameQuestionIsAskedOnceAndAnsweredToAll) {
  ask(make_question(1));
  ask(make_question(2));
  ASSERT_EQ(waiting().size(), 1u);
  EXPECT_EQ(waiting().front().merged, 2u);
  state.cancel(session, 1);
  ASSERT_EQ(waiting().size(), 1u);
  const auto given = give(kSelf);
  ASSERT_EQ(given.deliveries.size(), 1u);
  EXPECT_EQ(given.deliveries.front().answer.question, 2u);
}

TEST_F(Daemon, ALateAnswerIsADenialAndSaysThatItIsLate) {
  ask(make_question(1), 10s);
  const std::string id = waiting().front().id;
  ASSERT_TRUE(state.next_deadline());
  EXPECT_EQ(*state.next_deadline(), now + 10s);
  now += 11s;
  const auto given = state.give(Give{id, Consent::Yes, Scope::Once, "", ""}, kSelf, "here", now);
  ASSERT_FALSE(given.missing);
  EXPECT_THAT(given.missing.error().what, HasSubstr("ran out of time"));
  ASSERT_EQ(given.deliveries.size(), 1u);
  EXPECT_EQ(given.deliveries.front().answer.consent, Consent::No);
  EXPECT_EQ(given.deliveries.front().answer.who, "timeout");
}

TEST_F(Daemon, WhatASessionAskedGoesWithIt) {
  ask(make_question(1));
  const std::string id = waiting().front().id;
  state.close(session);
  EXPECT_TRUE(waiting().empty());
  EXPECT_FALSE(state.give(Give{id, Consent::Yes, Scope::Once, "", ""}, kSelf, "here", now).missing);
  EXPECT_TRUE(state.expire(now + 1h).empty());
}

TEST_F(Daemon, ASessionCannotBringVotesOrAnothersName) {
  Question question = for_two();
  question.session = "s-other";
  question.votes = {{"ana", 1001, "", Scope::Once, {}}};
  ask(question);
  EXPECT_EQ(waiting().front().question.session, "s-1");
  EXPECT_TRUE(waiting().front().question.votes.empty());
}

TEST_F(Daemon, TheSameNumberInAnotherSessionIsAnotherQuestion) {
  const SessionKey other = *state.open({"s-2", "", "/q", {"agent"}, 8, {}}, kBen);
  ask(make_question(1));
  (void)state.ask(other, make_question(1), 5min, now);
  ASSERT_EQ(waiting(kSelf).size(), 1u);
  ASSERT_EQ(waiting(kBen).size(), 1u);
  EXPECT_NE(waiting(kSelf).front().id, waiting(kBen).front().id);
  const auto given = give(kSelf);
  ASSERT_EQ(given.deliveries.size(), 1u);
  EXPECT_EQ(given.deliveries.front().session, session);
  EXPECT_EQ(waiting(kBen).size(), 1u);
}

TEST_F(Daemon, TooManyQuestionsAreANoAtOnce) {
  State small(1, Limits{2, 3});
  const SessionKey one = *small.open({"s", "", "/p", {}, 1, {}}, kSelf);
  ASSERT_TRUE(small.open({"t", "", "/p", {}, 1, {}}, kSelf));
  EXPECT_FALSE(small.open({"v", "", "/p", {}, 1, {}}, kSelf));
  EXPECT_TRUE(small.open({"w", "", "/p", {}, 1, {}}, kAna)) << "each user has their own";
  for (std::uint64_t id = 1; id <= 3; ++id) EXPECT_TRUE(small.ask(one, make_question(id), 1min, now).empty());
  const auto no = small.ask(one, make_question(4), 1min, now);
  ASSERT_EQ(no.size(), 1u);
  EXPECT_EQ(no.front().answer.consent, Consent::No);
}

// All in one session, where they are looked through one by one. Times are printed; only a hang is a failure.
TEST_F(Daemon, OneUsersQuestionsTakeNoMoreMemoryThanTheirShare) {
  State small(42, Limits{4096, 10'000, 100'000});
  const auto a = *small.open({"s-1", "", "/p", {"agent"}, 7, {}}, kSelf);
  const auto b = *small.open({"s-2", "", "/p", {"agent"}, 8, {}}, kSelf);
  const auto other = *small.open({"s-3", "", "/p", {"agent"}, 9, {}}, kAna);
  const auto large = [](std::uint64_t number) {
    auto out = make_question(number);
    out.object = "/p/" + std::string(30'000, 'x') + std::to_string(number);
    return out;
  };
  std::size_t denied = 0;
  for (std::uint64_t i = 1; i <= 10; ++i) denied += small.ask(i % 2 == 0 ? a : b, large(i), 5min, now).size();
  EXPECT_EQ(denied, 7u);
  EXPECT_TRUE(small.ask(other, large(1), 5min, now).empty()) << "another user's are not refused for them";
  // What is answered, cancelled, out of time or gone with its session makes room again.
  small.cancel(b, 1);
  EXPECT_TRUE(small.ask(a, large(20), 5min, now).empty());
  small.close(a);
  EXPECT_TRUE(small.ask(b, large(21), 1min, now).empty());
  EXPECT_TRUE(small.ask(b, large(22), 1min, now).empty());
  EXPECT_FALSE(small.ask(b, large(23), 1min, now).empty());
  (void)small.expire(now + 2min);
  EXPECT_TRUE(small.ask(b, large(24), 5min, now + 2min).empty());
}

TEST_F(Daemon, TenThousandQuestionsOfOneSessionAreAskedListedAnsweredAndExpired) {
  constexpr std::uint64_t kMany = 10'000;
  using Real = std::chrono::steady_clock;
  const auto began = Real::now();
  auto last = began;
  const auto say = [&](const char* what) {
    const auto then = std::exchange(last, Real::now());
    std::printf("%s: %.0f ms\n", what, std::chrono::duration<double, std::milli>(last - then).count());
  };
  for (std::uint64_t id = 1; id <= kMany; ++id) {
    Question question = make_question(id);
    question.object = "/p/" + std::to_string(id);
    question.radius.reset();
    ASSERT_TRUE(state.ask(session, std::move(question), id <= kMany / 2 ? 1min : 5min, now).empty());
  }
  say("asking 10,000");
  auto all = waiting();
  ASSERT_EQ(all.size(), kMany);
  say("listing them");
  for (std::size_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(state.give({all[i * 50].id, Consent::Yes, Scope::Once, "", ""}, kSelf, "here", now).missing);
  }
  say("answering 100");
  now += 2min;
  EXPECT_EQ(state.expire(now).size(), kMany / 2 - 100);
  say("letting half of them expire");
  all = waiting();
  EXPECT_EQ(all.size(), kMany / 2);
  for (std::uint64_t id = kMany / 2 + 1; id <= kMany / 2 + 100; ++id) state.cancel(session, id);
  say("cancelling 100");
  const auto no = state.give({all.back().id, Consent::No, Scope::Command, "", ""}, kSelf, "here", now);
  EXPECT_EQ(no.deliveries.size(), kMany / 2 - 100) << "one no for the rest of the command";
  EXPECT_TRUE(waiting().empty());
  say("one no for all that is left");
  EXPECT_LT(Real::now() - began, 60s);
}

}  // namespace
}  // namespace assent::assentd
