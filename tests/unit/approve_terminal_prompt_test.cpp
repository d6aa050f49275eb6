#include "approve/terminal_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/approve_question_fixture.h"
#include "unit/approve_terminal_fixture.h"

namespace assent::approve {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class TerminalPromptTest : public testing::Test {
 protected:
  void SetUp() override {
    const int fd = terminal.slave.get();
    relay = std::move(TerminalRelay::create(loop, {fd, fd, fd}).value());
    ASSERT_TRUE(relay->start());
    prompt = std::make_unique<TerminalPrompt>(loop, *relay, options);
  }
  void ask(Question question) {
    prompt->ask(std::move(question), [this](const Answer& answer) { answers.push_back(answer); });
  }
  bool until(const std::function<bool()>& done) { return run_until(loop, terminal, done); }
  void run(std::chrono::milliseconds time) { run_for(loop, terminal, time); }
  // Until keys count: the question is on the screen without "a moment".
  void until_armed() {
    const auto last = [&](const char* words) { return terminal.screen.rfind(words); };
    ASSERT_TRUE(until([&] { return last("a moment") != std::string::npos; }));
    ASSERT_TRUE(until([&] { return last("\x1b[1;1H") > last("a moment"); })) << "it is not drawn again";
    run(20ms);
  }
  void key(std::string_view one) {
    terminal.type(one);
    run(options.quiet + 20ms);
  }

  PromptOptions options;
  EventLoop loop = std::move(EventLoop::create().value());
  FakeTerminal terminal;
  std::unique_ptr<TerminalRelay> relay;
  std::unique_ptr<TerminalPrompt> prompt;
  std::vector<Answer> answers;
};

TEST_F(TerminalPromptTest, ShowsTheQuestionAndTakesOneKey) {
  ask(make_question(5));
  until_armed();
  EXPECT_THAT(terminal.screen, HasSubstr("\x1b[?1049h"));
  EXPECT_THAT(terminal.screen, HasSubstr("rm -rf tests/ patches/ plan/ '~/'"));
  EXPECT_THAT(terminal.screen, HasSubstr("at least 1,204 files"));
  key("o");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].question, 5U);
  EXPECT_EQ(answers[0].consent, Consent::Yes);
  EXPECT_EQ(answers[0].scope, Scope::Once);
  EXPECT_EQ(answers[0].who, "terminal");
  EXPECT_EQ(answers[0].uid, ::getuid());
  EXPECT_GE(answers[0].took, 300ms);
  run(20ms);
  EXPECT_THAT(terminal.screen, HasSubstr("\x1b[?1049l"));
  EXPECT_EQ(read_now(relay->slave()), "");
}

TEST_F(TerminalPromptTest, EachKeyIsItsAnswer) {
  struct Case {
    std::string_view key;
    Consent consent;
    Scope scope;
  };
  for (const Case& one : {Case{"c", Consent::Yes, Scope::Command}, Case{"s", Consent::Yes, Scope::Session},
                          Case{"n", Consent::No, Scope::Command}, Case{"t", Consent::Stop, Scope::Session},
                          Case{"\x03", Consent::No, Scope::Command}}) {
    answers.clear();
    terminal.clear();
    ask(make_question());
    until_armed();
    key(one.key);
    ASSERT_EQ(answers.size(), 1U) << one.key;
    EXPECT_EQ(answers[0].consent, one.consent);
    EXPECT_EQ(answers[0].scope, one.scope);
    run(20ms);
  }
}

TEST_F(TerminalPromptTest, OtherKeysAnswerNothing) {
  ask(make_question());
  until_armed();
  for (const std::string_view other : {"y", "Y", "O", "\r", " ", "1", "é"}) key(other);
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, ANoCanHaveAReason) {
  ask(make_question());
  until_armed();
  key("r");
  for (const std::string_view one : {"n", "o", "t", "x", "\x7f", " ", "é", "\x7f", "n", "o", "w"}) key(one);
  EXPECT_TRUE(answers.empty());
  key("\r");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].consent, Consent::No);
  EXPECT_EQ(answers[0].reason, "not now");
}

TEST_F(TerminalPromptTest, EscapeLeavesTheLine) {
  ask(make_question());
  until_armed();
  key("r");
  key("o");
  terminal.type("\x1b");
  run(250ms);
  key("n");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].reason, "");
}

TEST_F(TerminalPromptTest, ATypedYesMustBeExact) {
  Question question = make_question();
  question.confirm = "1204";
  ask(question);
  until_armed();
  key("c");
  EXPECT_TRUE(answers.empty());
  for (const std::string_view one : {"1", "2", "0", "\r"}) key(one);
  EXPECT_TRUE(answers.empty());
  EXPECT_THAT(terminal.screen, HasSubstr("nothing was allowed"));
  for (const std::string_view one : {"1", "2", "0", "4", "\r"}) key(one);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].consent, Consent::Yes);
  EXPECT_EQ(answers[0].scope, Scope::Command);
}

TEST_F(TerminalPromptTest, EverythingCanBeViewed) {
  ask(make_question());
  until_armed();
  terminal.clear();
  key("v");
  EXPECT_THAT(terminal.screen, HasSubstr("[v] next page"));
  key("o");  // back, not an answer
  EXPECT_TRUE(answers.empty());
  key("n");
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(TerminalPromptTest, NobodyAnswersIsANo) {
  ask(make_question(1, 700ms));
  ASSERT_TRUE(until([&] { return !answers.empty(); }));
  EXPECT_EQ(answers[0].consent, Consent::No);
  EXPECT_EQ(answers[0].who, "timeout");
  run(20ms);
  EXPECT_THAT(terminal.screen, HasSubstr("\x1b[?1049l"));
}

TEST_F(TerminalPromptTest, TheTimeLeftCountsDown) {
  ask(make_question(1, 100s));
  until_armed();
  EXPECT_THAT(terminal.screen, HasSubstr("1:40 left"));
  EXPECT_TRUE(until([&] { return terminal.screen.find("1:38 left") != std::string::npos; }));
}

TEST_F(TerminalPromptTest, ACancelledQuestionGoesAwayWithoutAnAnswer) {
  ask(make_question(1));
  until_armed();
  prompt->cancel(1);
  prompt->cancel(1);
  prompt->cancel(77);
  run(20ms);
  EXPECT_THAT(terminal.screen, HasSubstr("\x1b[?1049l"));
  key("o");
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(prompt->waiting(), 0U);
}

TEST_F(TerminalPromptTest, QuestionsQueueAndEachIsGuarded) {
  Question second = make_question(2);
  second.object = "/somewhere/else";
  second.radius.reset();
  ask(make_question(1));
  ask(second);
  until_armed();
  EXPECT_THAT(terminal.screen, HasSubstr("+1 waiting"));
  key("o");
  ASSERT_EQ(answers.size(), 1U);
  key("o");  // too early for the second
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_TRUE(until([&] { return terminal.screen.find("/somewhere/else") != std::string::npos; }));
  run(options.guard + 60ms);
  key("n");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].question, 2U);
  EXPECT_EQ(answers[1].consent, Consent::No);
}

TEST_F(TerminalPromptTest, WhenTheQuestionUnderTheFingerChangesTheKeyDoesNotCount) {
  Question second = make_question(2);
  second.object = "/somewhere/else";
  second.radius.reset();
  ask(make_question(1));
  ask(second);
  until_armed();
  prompt->cancel(1);
  key("o");
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, TheSameQuestionIsAskedOnce) {
  ask(make_question(1));
  ask(make_question(2));
  until_armed();
  EXPECT_THAT(terminal.screen, HasSubstr("2 calls"));
  key("o");
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(TerminalPromptTest, ACallThatDiesLeavesTheSameQuestionOfAnother) {
  ask(make_question(1));
  ask(make_question(2));
  until_armed();
  prompt->cancel(1);
  key("o");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].question, 2U);
}

TEST_F(TerminalPromptTest, StopEndsAllThatWait) {
  Question second = make_question(2);
  second.operation = "modify";
  ask(make_question(1));
  ask(second);
  until_armed();
  key("t");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].consent, Consent::Stop);
  EXPECT_EQ(answers[1].consent, Consent::No);
}

TEST_F(TerminalPromptTest, ACallbackMayAskAgain) {
  bool again = false;
  prompt->ask(make_question(1), [&](const Answer&) {
    Question next = make_question(2);
    next.operation = "modify";
    prompt->ask(next, [&](const Answer&) { again = true; });
  });
  until_armed();
  terminal.clear();
  key("o");
  until_armed();
  key("n");
  EXPECT_TRUE(again);
}

TEST_F(TerminalPromptTest, WhenTheTerminalGoesAllIsDenied) {
  ask(make_question(1));
  until_armed();
  terminal.master.reset();
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (answers.empty() && std::chrono::steady_clock::now() < end) ASSERT_TRUE(loop.run_once(10ms));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].consent, Consent::No);
  ask(make_question(2));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].consent, Consent::No);
}

TEST_F(TerminalPromptTest, ASmallTerminalIsUsedToo) {
  terminal.resize(10, 40);
  ::kill(::getpid(), SIGWINCH);
  ask(make_question(1));
  until_armed();
  EXPECT_THAT(terminal.screen, Not(HasSubstr("\x1b[11;1H")));
  key("n");
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(TerminalPromptTest, NothingHostileReachesTheTerminal) {
  const std::string evil =
      "x\x1b]52;c;aGk=\a\x1b[2J\xc2\x9b"
      "31m\u202e\n";
  Question question = make_question();
  question.object = question.operation = question.session = question.decision.reason = evil;
  question.process = make_process(7, 1, {evil});
  ask(question);
  until_armed();
  EXPECT_THAT(terminal.screen, HasSubstr("x\\x1b]52;c;aGk=\\x07\\x1b[2J\\u{9b}31m\\u{202e}\\n"));
  EXPECT_THAT(terminal.screen, Not(HasSubstr("\x1b]52")));
  EXPECT_THAT(terminal.screen, Not(HasSubstr("\u202e")));
  EXPECT_THAT(terminal.screen, Not(HasSubstr("\xc2\x9b")));
}

// ---- Attacks. Each stands beside the control in ShowsTheQuestionAndTakesOneKey: the same key, at the right time,
// answers.

TEST_F(TerminalPromptTest, KeysTypedAheadDoNotAnswer) {
  terminal.type("ooo");
  ask(make_question());
  terminal.type("o");
  run(100ms);
  terminal.type("o");
  run(100ms);
  EXPECT_TRUE(answers.empty());
  run(1000ms);
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, SomebodyWhoIsTypingDoesNotAnswerByAccident) {
  ask(make_question());
  for (int i = 0; i < 20; ++i) {  // a word to the agent, far longer than the guard
    terminal.type("o");
    run(100ms);
  }
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, KeysDoNotCountBeforeTheTerminalHasDrawn) {
  terminal.answers = false;  // a slow line: the question is not on the screen yet
  ask(make_question());
  run(600ms);
  terminal.type("o");
  run(300ms);
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, ATerminalThatNeverAnswersCanStillBeUsed) {
  terminal.answers = false;
  ask(make_question());
  run(options.longest_wait_for_terminal + options.guard + 100ms);
  key("o");
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(TerminalPromptTest, RepliesOfTheTerminalDoNotAnswer) {
  // Printed by the agent just before it asks: the replies arrive when the question is up.
  std::string storm;
  for (int i = 0; i < 100; ++i) storm += "\x1b[6n\x1b[c\x1b[21t\x1bP$qm\x1b\\";
  terminal.answers = false;
  print(relay->slave(), storm);
  ask(make_question());
  run(options.longest_wait_for_terminal + options.guard + 100ms);
  for (int i = 0; i < 100; ++i) {
    terminal.type("\x1b[10;10R\x1b[?1;2c\x1b]lo\x1b\\\x1bP1$ro\x1b\\");
    if (i % 10 == 0) run(5ms);
  }
  terminal.type("\x1b]lo");  // in two pieces, the second of them a key by itself
  run(60ms);
  terminal.type("o");
  run(60ms);
  terminal.type("\x1b\\");
  run(100ms);
  EXPECT_TRUE(answers.empty());
  key("n");
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(TerminalPromptTest, APlainReplyInABurstDoesNotAnswer) {
  ask(make_question());
  until_armed();
  terminal.type("PuTTYo");  // an answerback has no escape byte
  run(100ms);
  terminal.type("o");
  run(10ms);
  terminal.type("o");
  run(100ms);
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, APasteDoesNotAnswer) {
  Question question = make_question();
  question.confirm = "1204";
  ask(question);
  until_armed();
  EXPECT_THAT(terminal.screen, HasSubstr("\x1b[?2004h"));
  terminal.type("\x1b[200~o\x1b[201~");
  run(100ms);
  key("o");
  terminal.type("\x1b[200~1204\r\x1b[201~");
  run(100ms);
  // Without marks: more than the one line that was asked for is no answer, whatever its lines are.
  terminal.type("ls\r1204\r");
  run(100ms);
  terminal.type(
      "\x15"
      "1204\rls\r");
  run(100ms);
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, TheWordsAndTheirEnterMayComeAtOnce) {
  Question question = make_question();
  question.confirm = "1204";
  ask(question);
  until_armed();
  key("o");
  terminal.type("1204\r");
  ASSERT_TRUE(until([&] { return !answers.empty(); }));
  EXPECT_EQ(answers.front().consent, Consent::Yes);
}

TEST_F(TerminalPromptTest, AFakeOfTheAgentChangesNothing) {
  print(relay->slave(), "\x1b[?1049h\x1b[H assent  session s-4f1c\r\n[o]nce [n]o\r\n");
  ASSERT_TRUE(until([&] { return terminal.screen.find("[o]nce") != std::string::npos; }));
  termios modes{};
  ::tcgetattr(relay->slave(), &modes);
  ::cfmakeraw(&modes);
  ::tcsetattr(relay->slave(), TCSANOW, &modes);
  terminal.type("o");
  std::string got;
  EXPECT_TRUE(until([&] { return !(got += read_now(relay->slave())).empty(); }));
  EXPECT_EQ(got, "o");  // it went to the agent, as every key does
  EXPECT_TRUE(answers.empty());
  ask(make_question());  // the real one comes later, and the key of before is no answer
  run(600ms);
  EXPECT_TRUE(answers.empty());
}

TEST_F(TerminalPromptTest, WhatTheAgentPrintsDuringAQuestionIsNotDrawnOverIt) {
  ask(make_question());
  until_armed();
  terminal.clear();
  print(relay->slave(), "\x1b[H\x1b[2Jharmless thing, press o\x1b[6n");
  run(300ms);
  EXPECT_THAT(terminal.screen, Not(HasSubstr("harmless")));
  key("n");
  EXPECT_TRUE(until([&] { return terminal.screen.find("harmless") != std::string::npos; }));
}

TEST_F(TerminalPromptTest, PushingBytesIntoItsOwnTerminalDoesNotAnswer) {
  ask(make_question());
  until_armed();
  const char key_bytes[] = "o\r";
  for (const char& one : key_bytes) ::ioctl(relay->slave(), TIOCSTI, &one);  // refused or not: it is not our terminal
  run(200ms);
  EXPECT_TRUE(answers.empty());
}

}  // namespace
}  // namespace assent::approve
