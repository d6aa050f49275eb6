#include "approve/scopes.h"

#include <gtest/gtest.h>

#include "unit/approve_question_fixture.h"

namespace assent::approve {
namespace {

using std::chrono::system_clock;

const system_clock::time_point kAsked{std::chrono::seconds(1000)};
constexpr std::int64_t kBefore = 999'000'000'000;
constexpr std::int64_t kAfter = 1'001'000'000'000;

QuestionKey key(std::string object, std::vector<std::uint64_t> processes = {7, 3, 1},
                std::string operation = "delete") {
  return {std::move(processes), std::move(operation), std::move(object), {}, kBefore, {}};
}

QuestionKey counted(std::string object, std::string root) {
  QuestionKey one = key(std::move(object));
  one.root = std::move(root);
  return one;
}

Answer answer(Consent consent, Scope scope) {
  Answer one;
  one.consent = consent;
  one.scope = scope;
  return one;
}

bool allowed(const Scopes& scopes, const QuestionKey& asked) {
  const auto found = scopes.covers(asked);
  return found && found->consent == Consent::Yes;
}

TEST(Scopes, NothingIsCoveredAtFirst) { EXPECT_FALSE(Scopes().covers(key("/p/a"))); }

TEST(Scopes, OnceIsNotRemembered) {
  Scopes scopes;
  scopes.remember(key("/p/a"), answer(Consent::Yes, Scope::Once), kAsked);
  scopes.remember(key("/p/a"), answer(Consent::No, Scope::Once), kAsked);
  scopes.remember(key("/p/a"), answer(Consent::Stop, Scope::Session), kAsked);
  EXPECT_EQ(scopes.size(), 0U);
}

TEST(Scopes, CommandReachesTheProcessAndItsDescendantsOnly) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::Yes, Scope::Command), kAsked);
  EXPECT_TRUE(allowed(scopes, key("/p/t/b")));
  EXPECT_TRUE(allowed(scopes, key("/p/t/b", {9, 8, 7, 3, 1})));
  EXPECT_FALSE(allowed(scopes, key("/p/t/b", {3, 1})));      // its parent
  EXPECT_FALSE(allowed(scopes, key("/p/t/b", {12, 3, 1})));  // its sibling
  EXPECT_FALSE(allowed(scopes, key("/p/t/b", {})));
}

TEST(Scopes, SessionReachesEveryProcess) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_TRUE(allowed(scopes, key("/p/t/b", {99, 1})));
}

TEST(Scopes, AnAnswerIsForItsOperationOnly) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_FALSE(scopes.covers(key("/p/t/b", {7, 3, 1}, "modify")));
}

TEST(Scopes, ACountedTreeIsCoveredWhollyAndNothingBesideIt) {
  Scopes scopes;
  scopes.remember(counted("/p/t/x/a", "/p/t"), answer(Consent::Yes, Scope::Command), kAsked);
  EXPECT_TRUE(allowed(scopes, key("/p/t/y/z/b")));
  EXPECT_TRUE(allowed(scopes, key("/p/t")));
  EXPECT_FALSE(allowed(scopes, key("/p/tt/b")));
  EXPECT_FALSE(allowed(scopes, key("/p/b")));
  EXPECT_FALSE(allowed(scopes, key("/")));
}

TEST(Scopes, WithoutACountAYesReachesTheDirectoryItselfAndNotWhatLiesDeeper) {
  Scopes scopes;
  scopes.remember(key("/p/t/a"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_TRUE(allowed(scopes, key("/p/t/b")));
  EXPECT_FALSE(allowed(scopes, key("/p/t/deep/b")));
  EXPECT_FALSE(allowed(scopes, key("/p/t")));
  EXPECT_FALSE(allowed(scopes, key("/p/other")));
}

TEST(Scopes, ARootThatDoesNotHoldTheObjectWidensNothing) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/elsewhere"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_FALSE(allowed(scopes, key("/elsewhere/x")));
  EXPECT_FALSE(allowed(scopes, key("/p/t/deep/x")));
  EXPECT_TRUE(allowed(scopes, key("/p/t/x")));
}

TEST(Scopes, ANoReachesEverythingBelow) {
  Scopes scopes;
  scopes.remember(key("/p/t/a"), answer(Consent::No, Scope::Command), kAsked);
  const auto found = scopes.covers(key("/p/t/deep/b"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->consent, Consent::No);
  EXPECT_FALSE(scopes.covers(key("/p/t/deep/b", {12, 1})));
}

TEST(Scopes, WhatAppearedAfterTheQuestionIsANewQuestion) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::Yes, Scope::Session), kAsked);
  QuestionKey later = key("/p/t/new");
  later.born_ns = kAfter;
  EXPECT_FALSE(scopes.covers(later));
  later.born_ns = 0;  // cannot be told
  EXPECT_TRUE(allowed(scopes, later));
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::No, Scope::Session), kAsked);
  later.born_ns = kAfter;
  EXPECT_TRUE(scopes.covers(later));  // a no is for those too
}

TEST(Scopes, ANoWinsOverAYesInAnyOrder) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::No, Scope::Command), kAsked);
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_FALSE(allowed(scopes, key("/p/t/b")));
  EXPECT_TRUE(allowed(scopes, key("/p/t/b", {50, 1})));
}

TEST(Scopes, AHostIsCoveredAsItselfOnly) {
  Scopes scopes;
  scopes.remember(key("example.org:443", {7, 1}, "connect"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_TRUE(allowed(scopes, key("example.org:443", {9, 1}, "connect")));
  EXPECT_FALSE(allowed(scopes, key("example.org:80", {9, 1}, "connect")));
  EXPECT_FALSE(allowed(scopes, key("/example.org:443", {9, 1}, "connect")));
}

TEST(Scopes, TheRootDirectoryHoldsEverything) {
  Scopes scopes;
  scopes.remember(counted("/etc/a", "/"), answer(Consent::Yes, Scope::Session), kAsked);
  EXPECT_TRUE(allowed(scopes, key("/home/b")));
}

TEST(Scopes, AProcessThatIsGoneTakesItsCommandAlong) {
  Scopes scopes;
  scopes.remember(counted("/p/t/a", "/p/t"), answer(Consent::Yes, Scope::Command), kAsked);
  scopes.remember(counted("/q/t/a", "/q/t"), answer(Consent::Yes, Scope::Session), kAsked);
  scopes.forget_process(7);
  EXPECT_FALSE(allowed(scopes, key("/p/t/b")));
  EXPECT_TRUE(allowed(scopes, key("/q/t/b")));
}

TEST(Scopes, ACommandWithoutAProcessIsNotRemembered) {
  Scopes scopes;
  scopes.remember(key("/p/a", {}), answer(Consent::Yes, Scope::Command), kAsked);
  scopes.remember(key("/p/a", {0}), answer(Consent::Yes, Scope::Command), kAsked);
  EXPECT_EQ(scopes.size(), 0U);
}

TEST(Scopes, LiesBelowGoesByComponents) {
  EXPECT_TRUE(lies_below("/a/b", "/a/b"));
  EXPECT_TRUE(lies_below("/a/b/c", "/a/b"));
  EXPECT_FALSE(lies_below("/a/bc", "/a/b"));
  EXPECT_FALSE(lies_below("/a", "/a/b"));
  EXPECT_FALSE(lies_below("/a", ""));
  EXPECT_TRUE(lies_below("/a", "/"));
}

TEST(Scopes, TheKeyIsTakenFromTheQuestion) {
  const QuestionKey made = key_of(make_question(), 5, {3, 1});
  EXPECT_EQ(made.processes, (std::vector<std::uint64_t>{7, 3, 1}));
  EXPECT_EQ(made.root, "/home/u/project/tests");
  EXPECT_EQ(made.born_ns, 5);
  EXPECT_EQ(key_of(make_question()).processes, (std::vector<std::uint64_t>{7, 1}));
}

}  // namespace
}  // namespace assent::approve
