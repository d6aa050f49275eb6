#include "approve/queue.h"

#include <gtest/gtest.h>

#include "unit/approve_question_fixture.h"

namespace assent::approve {
namespace {

using namespace std::chrono_literals;

const Queue::Clock::time_point kStart{1000s};

Question at(std::uint64_t id, std::string object, std::chrono::seconds timeout = 300s) {
  Question question = make_question(id);
  question.object = std::move(object);
  question.radius.reset();
  question.deadline = kStart + timeout;
  return question;
}

Answer yes(std::uint64_t id, Scope scope = Scope::Once) {
  Answer answer;
  answer.question = id;
  answer.consent = Consent::Yes;
  answer.scope = scope;
  return answer;
}

TEST(Queue, KeepsTheOrderOfAsking) {
  Queue queue;
  EXPECT_EQ(queue.front(), nullptr);
  EXPECT_EQ(queue.add(at(1, "/a/1"), kStart), Queue::Added::New);
  EXPECT_EQ(queue.add(at(2, "/b/2"), kStart), Queue::Added::New);
  EXPECT_EQ(queue.front()->shown.id, 1U);
  ASSERT_EQ(queue.answer(yes(1), kStart + 2s).size(), 1U);
  EXPECT_EQ(queue.front()->shown.id, 2U);
}

TEST(Queue, AnAnswerTellsHowLongItTook) {
  Queue queue;
  queue.add(at(1, "/a"), kStart);
  const auto answers = queue.answer(yes(1), kStart + 1500ms);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].took, 1500ms);
  EXPECT_EQ(answers[0].consent, Consent::Yes);
}

TEST(Queue, WordForWordTheSameQuestionsStandTogether) {
  Queue queue;
  queue.add(at(1, "/a"), kStart);
  EXPECT_EQ(queue.add(at(2, "/a"), kStart), Queue::Added::Merged);
  EXPECT_EQ(queue.size(), 1U);
  const auto answers = queue.answer(yes(1), kStart);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].question, 1U);
  EXPECT_EQ(answers[1].question, 2U);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, WhatWouldBeShownDifferentlyIsAskedByItself) {
  Queue queue;
  queue.add(at(1, "/a"), kStart);
  std::vector<Question> others(7, at(2, "/a"));
  others[0].operation = "modify";
  others[1].radius = Radius{};
  others[2].confirm = "20";
  others[3].process = make_process(8);
  others[4].decision.rule.line = 32;
  others[5].decision.quorum = 2;
  others[6].other = "/b";
  std::uint64_t id = 2;
  for (Question& other : others) {
    other.id = id++;
    EXPECT_EQ(queue.add(other, kStart), Queue::Added::New) << other.id;
  }
  Question bigger = at(20, "/z");
  bigger.radius = Radius{10, 10, 0, 0, true, "/"};
  queue.add(bigger, kStart);
  bigger.id = 21;
  bigger.radius->files = 11;
  EXPECT_EQ(queue.add(bigger, kStart), Queue::Added::New);
}

TEST(Queue, CancellingOneOfSeveralKeepsTheOthers) {
  Queue queue;
  queue.add(at(1, "/a"), kStart);
  queue.add(at(2, "/a"), kStart);
  EXPECT_FALSE(queue.cancel(1));
  EXPECT_EQ(queue.front()->shown.id, 2U);
  EXPECT_TRUE(queue.answer(yes(1), kStart).empty());
  EXPECT_TRUE(queue.cancel(2));
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.cancel(99));
}

TEST(Queue, TimeUpIsADenial) {
  Queue queue;
  queue.add(at(1, "/a", 10s), kStart);
  queue.add(at(2, "/b", 20s), kStart);
  EXPECT_EQ(queue.next_deadline(), kStart + 10s);
  EXPECT_TRUE(queue.expire(kStart + 9s).empty());
  const auto answers = queue.expire(kStart + 10s);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].question, 1U);
  EXPECT_EQ(answers[0].consent, Consent::No);
  EXPECT_EQ(answers[0].who, "timeout");
  EXPECT_EQ(queue.next_deadline(), kStart + 20s);
}

TEST(Queue, ALateYesIsADenial) {
  Queue queue;
  queue.add(at(1, "/a", 10s), kStart);
  queue.add(at(2, "/a", 30s), kStart);  // merged, with a later deadline
  const auto answers = queue.answer(yes(2), kStart + 11s);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].question, 1U);
  EXPECT_EQ(answers[0].consent, Consent::No);
  EXPECT_EQ(answers[1].question, 2U);
  EXPECT_EQ(answers[1].consent, Consent::Yes);
}

TEST(Queue, AnAnswerSpeaksForTheQuestionsItsScopeCovers) {
  Queue queue;
  queue.add(at(1, "/d/1"), kStart);
  queue.add(at(2, "/d/2"), kStart);
  queue.add(at(3, "/d/deep/3"), kStart);  // not shown by the first: asked by itself
  queue.add(at(4, "/e/4"), kStart);
  const auto answers = queue.answer(yes(1, Scope::Session), kStart);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].question, 2U);
  EXPECT_EQ(queue.front()->shown.id, 3U);
}

TEST(Queue, AOnceSpeaksForItselfOnly) {
  Queue queue;
  queue.add(at(1, "/d/1"), kStart);
  queue.add(at(2, "/d/2"), kStart);
  EXPECT_EQ(queue.answer(yes(1), kStart).size(), 1U);
}

TEST(Queue, AYesNeverSpeaksForAQuestionThatWantsMore) {
  Queue queue;
  queue.add(at(1, "/d/1"), kStart);
  Question typed = at(2, "/d/2");
  typed.confirm = "20";
  queue.add(typed, kStart);
  Question two = at(3, "/d/3");
  two.decision.quorum = 2;
  queue.add(two, kStart);
  Question others = at(4, "/d/4");
  others.decision.approvers = {"group:ops"};
  queue.add(others, kStart);
  Question session = at(5, "/d/5");
  session.session = "another";
  queue.add(session, kStart);
  EXPECT_EQ(queue.answer(yes(1, Scope::Session), kStart).size(), 1U);
  EXPECT_EQ(queue.size(), 4U);
}

TEST(Queue, ANoForTheCommandSpeaksForEverythingBelow) {
  Queue queue;
  queue.add(at(1, "/d/1"), kStart);
  Question typed = at(2, "/d/deep/2");
  typed.confirm = "20";
  queue.add(typed, kStart);
  Answer no = yes(1, Scope::Command);
  no.consent = Consent::No;
  EXPECT_EQ(queue.answer(no, kStart).size(), 2U);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, DenyAllNeverAllows) {
  Queue queue;
  queue.add(at(1, "/d/1"), kStart);
  queue.add(at(2, "/d/2"), kStart);
  for (const Answer& answer : queue.deny_all(yes(0, Scope::Session), kStart)) EXPECT_EQ(answer.consent, Consent::No);
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, AnUnknownNumberAnswersNothing) {
  Queue queue;
  queue.add(at(1, "/d/1"), kStart);
  EXPECT_TRUE(queue.answer(yes(7, Scope::Session), kStart).empty());
  EXPECT_EQ(queue.size(), 1U);
}

}  // namespace
}  // namespace assent::approve
