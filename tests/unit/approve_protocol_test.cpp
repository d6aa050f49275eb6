#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "approve/message.h"
#include "unit/approve_question_fixture.h"

namespace assent::approve {
namespace {

template <class T>
T there_and_back(const T& sent) {
  Frames frames;
  frames.feed(encode(sent));
  auto payload = frames.next();
  EXPECT_TRUE(payload && payload->has_value());
  auto message = decode(**payload);
  EXPECT_TRUE(message) << (message ? "" : message.error().what);
  if (!message || !std::holds_alternative<T>(*message)) return {};
  return std::get<T>(*message);
}

TEST(Protocol, AQuestionComesBackAsItWasAsked) {
  message::Ask ask{make_question(7), std::chrono::milliseconds(299'500)};
  ask.question.confirm = "1204";
  ask.question.decision.quorum = 2;
  ask.question.decision.approvers = {"ana", "group:ops"};
  ask.question.decision.not_self = true;
  const auto got = there_and_back(ask);
  const Question &a = ask.question, &b = got.question;
  EXPECT_EQ(b.id, 7u);
  EXPECT_EQ(b.session, a.session);
  EXPECT_EQ(b.operation, a.operation);
  EXPECT_EQ(b.object, a.object);
  EXPECT_EQ(b.other, a.other);
  ASSERT_TRUE(b.process);
  EXPECT_EQ(b.process->argv, a.process->argv);
  EXPECT_EQ(b.process->id, a.process->id);
  EXPECT_EQ(b.process->parent, a.process->parent);
  EXPECT_EQ(b.process->ancestry, a.process->ancestry);
  ASSERT_TRUE(b.radius);
  EXPECT_EQ(b.radius->files, a.radius->files);
  EXPECT_EQ(b.radius->root, a.radius->root);
  EXPECT_EQ(b.radius->complete, a.radius->complete);
  EXPECT_EQ(b.recovery, a.recovery);
  EXPECT_EQ(b.confirm, "1204");
  EXPECT_EQ(b.decision.rule, a.decision.rule);
  EXPECT_EQ(b.decision.approvers, a.decision.approvers);
  EXPECT_EQ(b.decision.quorum, 2u);
  EXPECT_TRUE(b.decision.not_self);
  EXPECT_EQ(got.left.count(), 299'500);
}

TEST(Protocol, AnAnswerComesBackWithEveryVote) {
  Answer answer;
  answer.question = 3;
  answer.consent = Consent::Yes;
  answer.scope = Scope::Session;
  answer.who = "ben";
  answer.uid = 1002;
  answer.from = "assent approve on /dev/pts/3";
  answer.votes = {{"ana", 1001, "web", Scope::Once, std::chrono::milliseconds(5)},
                  {"ben", 1002, "cli", Scope::Session, std::chrono::milliseconds(9)}};
  const auto got = there_and_back(message::Answered{answer}).answer;
  EXPECT_EQ(got.consent, Consent::Yes);
  EXPECT_EQ(got.scope, Scope::Session);
  EXPECT_EQ(got.uid, 1002u);
  EXPECT_EQ(got.votes, answer.votes);
}

TEST(Protocol, NamesThatAreNoTextComeBackByteForByte) {
  message::Ask ask{make_question()};
  ask.question.object = std::string("/home/u/\xff\xfe\0 {\"hex\":\"00\"}", 24);
  EXPECT_EQ(there_and_back(ask).question.object, ask.question.object);
  ask.question.other = "/home/u/\xff other";
  EXPECT_EQ(there_and_back(ask).question.other, ask.question.other);
  ask.question.object = "/home/u/{\"hex\": \"00\"}\n\x1b[2J";
  EXPECT_EQ(there_and_back(ask).question.object, ask.question.object);
}

TEST(Protocol, ACommandLineOfAnyLengthFitsAFrameAndSaysThatItIsCut) {
  message::Ask ask{make_question()};
  ask.question.process = make_process(1, 1, std::vector<std::string>(50'000, "\x01\x02 long word"));
  const auto frame = encode(ask);
  EXPECT_LE(frame.size(), kMostFrame + 4);
  EXPECT_THAT(there_and_back(ask).question.process->argv.back(), testing::HasSubstr("more words"));
  ask.question.process = make_process(1, 1, {std::string(2'000'000, '\xff')});
  EXPECT_LE(encode(ask).size(), kMostFrame + 4);
  EXPECT_THAT(there_and_back(ask).question.process->argv.front(), testing::EndsWith("[cut]"));
}

TEST(Protocol, AFrameArrivesWholeHoweverItIsCutUp) {
  const std::string stream = encode(message::List{}) + encode(message::Cancel{9});
  for (std::size_t step = 1; step < 9; ++step) {
    Frames frames;
    std::vector<std::string> payloads;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      frames.feed(std::string_view(stream).substr(at, step));
      for (auto next = frames.next(); next && next->has_value(); next = frames.next()) payloads.push_back(**next);
    }
    ASSERT_EQ(payloads.size(), 2u);
    EXPECT_TRUE(std::holds_alternative<message::List>(*decode(payloads[0])));
    EXPECT_EQ(std::get<message::Cancel>(*decode(payloads[1])).question, 9u);
  }
}

TEST(Protocol, AFrameThatIsTooLongIsRefusedBeforeItIsRead) {
  Frames frames;
  frames.feed(std::string("\x01\x00\x10\x00", 4));
  auto next = frames.next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, EMSGSIZE);
}

TEST(Protocol, WhatIsNoMessageIsRefused) {
  for (const char* text :
       {"", "null", "[]", "{", "{\"is\":\"nothing\"}", "{\"is\":\"cancel\"}", "{\"is\":\"cancel\",\"question\":-1}",
        "{\"is\":\"cancel\",\"question\":1.5}", "{\"is\":\"cancel\",\"question\":\"1\"}", "{\"is\":7}",
        "{\"is\":\"give\",\"id\":\"a\",\"consent\":\"maybe\",\"scope\":\"once\",\"reason\":\"\",\"confirm\":\"\"}",
        "{\"is\":\"give\",\"id\":\"a\",\"consent\":\"yes\",\"scope\":\"all\",\"reason\":\"\",\"confirm\":\"\"}",
        "{\"is\":\"give\",\"id\":\"a\",\"consent\":\"yes\",\"scope\":\"once\",\"reason\":{\"hex\":\"0\"},\"confirm\":"
        "\"\"}",
        "{\"is\":\"ask\",\"question\":{},\"left_ms\":1}"}) {
    EXPECT_FALSE(decode(text)) << text;
  }
  EXPECT_FALSE(decode(std::string(200'000, '[')));
}

}  // namespace
}  // namespace assent::approve
