// The model and the picture of `assent watch`: no terminal, no daemon.
#include "cli/watch_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/show.h"
#include "cli/watch_view.h"
#include "unit/approve_question_fixture.h"

namespace assent::cli {
namespace {

using namespace std::chrono_literals;
using approve::KeyReader;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Mode = WatchModel::Mode;
using Shows = WatchModel::Shows;

class Watching : public testing::Test {
 protected:
  Watching() { model.connected("/run/user/1/assent/assentd.sock"); }

  WatchModel::Waiting asked(const std::string& id, const std::string& object = "/home/u/project/a.c") {
    WatchModel::Waiting out;
    out.id = id;
    out.question = approve::make_question(id.size());
    out.question.object = object;
    out.user = "u";
    out.left = 5min;
    out.may_answer = true;
    return out;
  }
  void tell(std::vector<WatchModel::Waiting> waiting) {
    all = waiting;
    model.told(std::move(waiting), {}, now);
    settle();
  }
  // The picture is drawn, the terminal says so.
  void show_it() {
    if (model.drawn(Shows::Question, now)) model.terminal_has_drawn(now);
  }
  // So long that a key counts.
  void settle() {
    show_it();
    now += 400ms;
    model.tick(now);
  }
  void keys(const std::vector<std::string>& texts) {
    std::vector<KeyReader::Event> events;
    for (const auto& text : texts) events.push_back({KeyReader::Event::Kind::Key, text});
    model.input(events, now);
  }
  // One key, by itself.
  void key(const std::string& text) {
    keys({text});
    now += 50ms;
    model.tick(now);
    show_it();
  }
  void type(const std::string& text) {
    for (const char c : text) key(std::string(1, c));
  }
  std::vector<approve::message::Give> answers() { return model.take_answers(); }
  std::string selected() { return model.question() == nullptr ? "" : model.question()->waiting.id; }
  std::string screen(std::size_t columns = 80, std::size_t rows = 24) {
    std::string out;
    for (const auto& line : lay_out(model, columns, rows, now).lines) out += line.text + "\n";
    return out;
  }

  WatchModel model;
  WatchModel::Clock::time_point now{1h};
  std::vector<WatchModel::Waiting> all;
};

TEST_F(Watching, EachKeyIsItsAnswer) {
  const struct {
    const char* key;
    Consent consent;
    Scope scope;
  } cases[] = {{"o", Consent::Yes, Scope::Once},
               {"c", Consent::Yes, Scope::Command},
               {"s", Consent::Yes, Scope::Session},
               {"n", Consent::No, Scope::Command},
               {"t", Consent::Stop, Scope::Session}};
  for (const auto& one : cases) {
    model = WatchModel();
    tell({asked("aaaa")});
    key(one.key);
    const auto given = answers();
    ASSERT_EQ(given.size(), 1u) << one.key;
    EXPECT_EQ(given[0].id, "aaaa");
    EXPECT_EQ(given[0].consent, one.consent) << one.key;
    EXPECT_EQ(given[0].scope, one.scope) << one.key;
  }
}

TEST_F(Watching, AKeyTypedBeforeTheQuestionCameUpAnswersNothing) {
  model.told({asked("aaaa")}, {}, now);
  EXPECT_TRUE(model.drawn(Shows::Question, now));
  EXPECT_TRUE(model.nobody_chose()) << "what was typed ahead is to be forgotten";
  keys({"o"});
  now += 100ms;
  model.tick(now);
  model.terminal_has_drawn(now);
  keys({"o"});  // the terminal has drawn it only now
  now += 290ms;
  model.tick(now);
  keys({"o"});
  now += 50ms;
  model.tick(now);
  EXPECT_THAT(answers(), IsEmpty());
  now += 300ms;
  keys({"o"});  // the control: the same key, later
  now += 50ms;
  model.tick(now);
  EXPECT_EQ(answers().size(), 1u);
}

TEST_F(Watching, ATerminalThatNeverSaysThatItHasDrawnCanStillBeUsed) {
  model.told({asked("aaaa")}, {}, now);
  model.drawn(Shows::Question, now);
  now += 1s;
  model.tick(now);
  now += 310ms;
  key("n");
  EXPECT_EQ(answers().size(), 1u);
}

TEST_F(Watching, WhatComesNeverMovesTheSelection) {
  tell({asked("bbbb")});
  tell({asked("aaaa"), asked("bbbb"), asked("cccc")});  // the daemon tells a new one first
  EXPECT_EQ(selected(), "bbbb");
  EXPECT_EQ(model.asked()[0].waiting.id, "bbbb") << "and what is on the screen stays where it is";
  key("n");
  ASSERT_EQ(answers().at(0).id, "bbbb");
}

TEST_F(Watching, WhatIsGoneTakesNoAnswerAndNothingTakesItsPlace) {
  tell({asked("aaaa"), asked("bbbb")});
  tell({asked("bbbb")});
  EXPECT_EQ(selected(), "aaaa");
  EXPECT_THAT(screen(), HasSubstr("GONE"));
  key("o");
  EXPECT_THAT(answers(), IsEmpty());
  key("j");
  EXPECT_EQ(selected(), "bbbb");
  key("o");
  EXPECT_THAT(answers(), IsEmpty()) << "it has only just come up";
  settle();
  key("o");
  EXPECT_EQ(answers().at(0).id, "bbbb");
}

TEST_F(Watching, AnAnswerBindsTheQuestionThatWasThereWhenTheKeyWentDown) {
  tell({asked("aaaa"), asked("bbbb")});
  keys({"o"});
  now += 10ms;  // before the key counts, the question goes
  model.told({asked("bbbb")}, {}, now);
  now += 40ms;
  model.tick(now);
  EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Watching, ABurstAPasteAndASequenceAreNoAnswers) {
  tell({asked("aaaa")});
  keys({"x", "o"});
  now += 50ms;
  model.tick(now);
  EXPECT_THAT(answers(), IsEmpty());
  settle();
  keys({"o"});
  now += 10ms;
  keys({"x"});  // something follows at once
  now += 50ms;
  model.tick(now);
  EXPECT_THAT(answers(), IsEmpty());
  settle();
  KeyReader reader;
  for (const std::string bytes : {"\x1b[200~o\x1b[201~", "\x1b[24;80R", "\x1b]52;c;bw==\x07", "\x1b[Mo!!"}) {
    model.input(reader.feed(bytes, now), now);
    now += 400ms;
    model.tick(now);
    EXPECT_THAT(answers(), IsEmpty()) << show(bytes);
  }
  key("o");
  EXPECT_EQ(answers().size(), 1u) << "the control";
}

TEST_F(Watching, AYesIsTypedWhereTheQuestionWantsIt) {
  auto one = asked("aaaa");
  one.question.confirm = "1204";
  tell({one});
  key("c");
  EXPECT_EQ(model.mode(), Mode::Confirm);
  type("1205");
  key("\r");
  EXPECT_THAT(answers(), IsEmpty());
  EXPECT_THAT(screen(), HasSubstr("that is not it"));
  type("1204");
  key("\r");
  const auto given = answers();
  ASSERT_EQ(given.size(), 1u);
  EXPECT_EQ(given[0].confirm, "1204");
  EXPECT_EQ(given[0].scope, Scope::Command);
}

TEST_F(Watching, ALineBeingTypedEndsWithItsQuestion) {
  auto one = asked("aaaa");
  one.question.confirm = "1";
  tell({one, asked("bbbb")});
  key("o");
  type("1");
  tell({asked("bbbb")});
  EXPECT_EQ(model.mode(), Mode::Keys);
  key("\r");
  EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Watching, ANoCanHaveAReason) {
  tell({asked("aaaa")});
  key("r");
  type("we need it");
  key("\x7f");
  key("\r");
  const auto given = answers();
  ASSERT_EQ(given.size(), 1u);
  EXPECT_EQ(given[0].consent, Consent::No);
  EXPECT_EQ(given[0].reason, "we need i");
}

TEST_F(Watching, EscapeLeavesTheLine) {
  tell({asked("aaaa")});
  key("r");
  type("never min");
  key("\x1b");
  key("\r");
  EXPECT_EQ(model.mode(), Mode::Keys);
  EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Watching, WhoMayNotAllowIsToldWhy) {
  auto one = asked("aaaa");
  one.may_answer = false;
  one.why_not = "somebody else has to";
  tell({one});
  key("o");
  EXPECT_THAT(answers(), IsEmpty());
  EXPECT_THAT(model.message(), HasSubstr("somebody else has to"));
}

TEST_F(Watching, AnAnswerIsGivenOnceAndARefusedOneCanBeGivenAgain) {
  tell({asked("aaaa")});
  key("o");
  settle();
  key("o");
  EXPECT_EQ(answers().size(), 1u);
  model.refused("aaaa", "not now");
  settle();
  key("o");
  EXPECT_EQ(answers().size(), 1u);
  model.given("aaaa", Consent::Yes, 1);
  settle();
  EXPECT_THAT(screen(), HasSubstr("1 more person must say yes"));
  EXPECT_EQ(model.questions(), 1u);
  model.given("aaaa", Consent::Yes, 0);
  tell({});
  EXPECT_EQ(model.questions(), 0u);
}

TEST_F(Watching, WithoutADaemonItSaysSoAndWhatWaitedIsGone) {
  tell({asked("aaaa")});
  model.disconnected("cannot reach an approval daemon: none runs (ENOENT); start assentd");
  settle();
  EXPECT_THAT(screen(), HasSubstr("NO APPROVAL DAEMON"));
  EXPECT_THAT(screen(), HasSubstr("start assentd"));
  key("o");
  EXPECT_THAT(answers(), IsEmpty());
  model.connected("/run/assent/assentd.sock");
  tell({asked("bbbb")});
  EXPECT_THAT(screen(), Not(HasSubstr("NO APPROVAL DAEMON")));
}

TEST_F(Watching, ASearchLeavesWhatHasTheWords) {
  tell({asked("aaaa", "/home/u/project/one.c"), asked("bbbb", "/home/u/project/Two.c")});
  key("/");
  type("two");
  key("\r");
  EXPECT_EQ(model.listed().size(), 1u);
  EXPECT_EQ(selected(), "bbbb");
  EXPECT_THAT(screen(), Not(HasSubstr("one.c")));
  key("\x1b");
  EXPECT_EQ(model.listed().size(), 2u);
  EXPECT_EQ(selected(), "bbbb");
}

TEST_F(Watching, TheLettersOfASearchAnswerNothing) {
  tell({asked("aaaa")});
  key("/");
  type("ocsnt");
  EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Watching, HelpCoversTheQuestionSoNoKeyAnswersIt) {
  tell({asked("aaaa")});
  key("?");
  EXPECT_THAT(screen(), HasSubstr("yes, this once"));
  key("o");  // closes the help
  EXPECT_THAT(answers(), IsEmpty());
  EXPECT_EQ(model.mode(), Mode::Keys);
}

TEST_F(Watching, OnTheOtherPagesNoKeyAnswers) {
  tell({asked("aaaa")});
  key("3");
  key("o");
  settle();
  key("o");
  EXPECT_THAT(answers(), IsEmpty());
  EXPECT_THAT(model.message(), HasSubstr("page of questions"));
}

TEST_F(Watching, TheNewestDecisionIsSelectedUntilTheHumanMovesUp) {
  for (int i = 0; i < 30; ++i) model.decided("20261121-021530-4f2a", "     " + std::to_string(i) + "  line");
  key("3");
  EXPECT_EQ(model.selected(), 29u);
  model.decided("20261121-021530-4f2a", "    30  line");
  EXPECT_EQ(model.selected(), 30u);
  key("k");
  model.decided("20261121-021530-4f2a", "    31  line");
  EXPECT_EQ(model.selected(), 29u);
}

TEST_F(Watching, EverySizeHasAPictureThatFits) {
  auto one = asked("aaaa", "/home/u/project/" + std::string(3000, 'x'));
  one.question.confirm = "1204";
  std::vector<WatchModel::Waiting> many{one};
  for (int i = 0; i < 100; ++i) many.push_back(asked("b" + std::to_string(i)));
  tell(many);
  model.decided("20261121-021530-4f2a", "     1  " + std::string(500, 'y'));
  for (const char* page : {"1", "2", "3", "?"}) {
    key(page);
    for (std::size_t columns = 1; columns < 130; columns += 3) {
      for (std::size_t rows = 1; rows < 50; ++rows) {
        const auto picture = lay_out(model, columns, rows, now);
        ASSERT_LE(picture.lines.size(), rows) << columns << "x" << rows;
        for (const auto& line : picture.lines)
          ASSERT_LE(columns_of(line.text), std::max<std::size_t>(columns, 2)) << line.text;
      }
    }
  }
}

TEST_F(Watching, WhatMattersMostIsThereAt80By24AndAt40By10) {
  auto one = asked("aaaa");
  one.question.confirm = "1204";
  tell({one});
  for (const auto& [columns, rows] : {std::pair{80, 24}, std::pair{40, 12}}) {
    const auto text = screen(static_cast<std::size_t>(columns), static_cast<std::size_t>(rows));
    EXPECT_THAT(text, HasSubstr("5:00")) << text;
    EXPECT_THAT(text, HasSubstr("delete")) << text;
    EXPECT_THAT(text, HasSubstr("rm -rf")) << text;
    EXPECT_THAT(text, HasSubstr("1,204 files")) << text;
  }
}

TEST_F(Watching, WhereThereIsNoRoomForTheQuestionNoKeyAnswersIt) {
  tell({asked("aaaa")});
  EXPECT_FALSE(lay_out(model, 15, 3, now).shows_question);
  model.drawn(Shows::Nothing, now);
  now += 2s;
  key("o");
  EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Watching, NothingHostileReachesTheScreen) {
  const std::string evil = "\x1b]0;owned\x07\x1b[2J\xe2\x80\xae\xff\n/x";
  auto one = asked("aaaa", "/p/" + evil);
  one.user = evil;
  one.why_not = evil;
  one.may_answer = false;
  auto process = std::make_shared<Process>(*one.question.process);
  process->argv = {"rm", evil};
  process->cwd = evil;
  process->ancestry = {evil};
  one.question.process = process;
  one.question.decision.reason = evil;
  one.question.confirm = evil;
  one.question.session = evil;
  all = {one};
  WatchModel::Running running;
  running.session.session = evil;
  running.session.name = evil;
  running.session.project = evil;
  running.session.command = {evil};
  running.user = evil;
  model.told(all, {running}, now);
  settle();
  for (const char* page : {"1", "v", "2"}) {
    key(page);
    const auto text = screen();
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
    for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << int{c};
  }
}

TEST_F(Watching, TenThousandQuestionsAreFollowed) {
  std::vector<WatchModel::Waiting> many;
  for (int i = 0; i < 10'000; ++i) many.push_back(asked("q" + std::to_string(i)));
  const auto began = WatchModel::Clock::now();
  tell(many);
  for (int i = 0; i < 50; ++i) key("j");
  EXPECT_EQ(selected(), "q50");
  tell(many);
  (void)screen();
  EXPECT_LT(WatchModel::Clock::now() - began, 20s) << "it hangs";
}

TEST(WatchView, HasLettersThatEveryTerminalHas) {
  EXPECT_EQ(in_ascii("a ─── b…c"), "a --- b~c");
  EXPECT_EQ(in_ascii("日本 \xd7\x9b"), "???? ?") << "as wide as before; no byte of theirs is left";
  EXPECT_EQ(in_ascii("\x80\xff"), std::string(in_ascii("\x80\xff").size(), '?'));
}

}  // namespace
}  // namespace assent::cli
