#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "approve/deny_all.h"
#include "approve/own_rights.h"
#include "approve/rights.h"
#include "approve/scopes.h"
#include "unit/approve_question_fixture.h"

namespace assent::approve {
namespace {

constexpr uid_t kOwner = 1000;
const Person kSelf{kOwner, "u", {"u", "ops"}};
const Person kAna{1001, "ana", {"ana"}};
const Person kBen{1002, "ben", {"ben", "ops"}};

Question asked(std::vector<std::string> approvers, unsigned quorum = 1, bool not_self = false) {
  Question out = make_question();
  out.decision.approvers = std::move(approvers);
  out.decision.quorum = quorum;
  out.decision.not_self = not_self;
  return out;
}

TEST(Rights, WithoutNamedApproversTheSessionsUserAnswers) {
  EXPECT_FALSE(why_not_allow(asked({}), kOwner, kSelf));
  EXPECT_TRUE(why_not_allow(asked({}), kOwner, kAna));
}

TEST(Rights, NamedApproversAnswerAndNobodyElse) {
  const Question question = asked({"ana", "group:ops"});
  EXPECT_FALSE(why_not_allow(question, kOwner, kAna));
  EXPECT_FALSE(why_not_allow(question, kOwner, kBen));
  EXPECT_TRUE(why_not_allow(question, kOwner, Person{1003, "eve", {"eve", "users"}}));
  EXPECT_TRUE(why_not_allow(asked({"ana"}), kOwner, kSelf));
}

TEST(Rights, AUserCannotBeMistakenForAGroup) {
  EXPECT_TRUE(why_not_allow(asked({"group:ana"}), kOwner, Person{1004, "group:ana", {}}));
  EXPECT_TRUE(why_not_allow(asked({"ops"}), kOwner, kBen));
}

TEST(Rights, NotSelfHoldsWhateverGroupTheUserIsIn) {
  EXPECT_TRUE(why_not_allow(asked({"group:ops"}, 1, true), kOwner, kSelf));
  EXPECT_FALSE(why_not_allow(asked({"group:ops"}, 1, true), kOwner, kBen));
}

TEST(Rights, NobodyIsCountedTwice) {
  Question question = asked({"ana", "ben"}, 2);
  question.votes.push_back({"ana", 1001, "here", Scope::Once, {}});
  EXPECT_TRUE(why_not_allow(question, kOwner, kAna));
  EXPECT_TRUE(why_not_allow(question, kOwner, Person{1001, "ben", {}})) << "the uid counts, not the name";
  EXPECT_FALSE(why_not_allow(question, kOwner, kBen));
}

TEST(Rights, TheSessionsUserMayAlwaysSayNo) {
  EXPECT_FALSE(why_not_refuse(asked({"ana"}, 2, true), kOwner, kSelf));
  EXPECT_FALSE(why_not_refuse(asked({"ana"}), kOwner, kAna));
  EXPECT_TRUE(why_not_refuse(asked({"ana"}), kOwner, kBen));
}

class Yes final : public Approver {
 public:
  void ask(Question question, AnswerCallback answered) override {
    Answer yes;
    yes.question = question.id;
    yes.consent = Consent::Yes;
    answered(yes);
  }
  void cancel(std::uint64_t) override {}
};

Consent on_the_terminal(const Question& question) {
  OwnRights terminal(std::make_unique<Yes>(), kSelf);
  std::optional<Consent> said;
  terminal.ask(question, [&](const Answer& answer) { said = answer.consent; });
  return said.value_or(Consent::Stop);
}

TEST(Rights, OnePersonsTerminalIsNotTwoPeople) {
  EXPECT_EQ(on_the_terminal(asked({})), Consent::Yes);
  EXPECT_EQ(on_the_terminal(asked({"u"})), Consent::Yes);
  EXPECT_EQ(on_the_terminal(asked({}, 2)), Consent::No);
  EXPECT_EQ(on_the_terminal(asked({"ana"})), Consent::No);
  EXPECT_EQ(on_the_terminal(asked({}, 1, true)), Consent::No);
}

TEST(Rights, AYesOfOneDoesNotCoverWhatNeedsTwo) {
  Answer yes;
  yes.consent = Consent::Yes;
  yes.scope = Scope::Session;
  Scopes scopes;
  scopes.remember(key_of(asked({})), yes, std::chrono::system_clock::now());
  EXPECT_TRUE(scopes.covers(key_of(asked({}))));
  EXPECT_FALSE(scopes.covers(key_of(asked({}, 2))));
  EXPECT_FALSE(scopes.covers(key_of(asked({"ana"}))));
}

}  // namespace
}  // namespace assent::approve
