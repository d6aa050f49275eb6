#include "approve/question_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/show.h"
#include "unit/approve_question_fixture.h"

namespace assent::approve {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

QuestionView view(std::size_t columns = 80, std::size_t rows = 24) {
  QuestionView one;
  one.columns = columns;
  one.rows = rows;
  one.left = 298s;
  return one;
}

std::string text_of(const std::vector<Line>& lines) {
  std::string out;
  for (const Line& line : lines) out += line.text + "\n";
  return out;
}

void expect_fits(const std::vector<Line>& lines, std::size_t columns, std::size_t rows) {
  EXPECT_LE(lines.size(), rows);
  for (const Line& line : lines) {
    EXPECT_LE(columns_of(line.text), columns) << line.text;
    for (const char c : line.text) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  }
}

TEST(QuestionView, ShowsEverythingOnAnOrdinaryTerminal) {
  const auto lines = lay_out(make_question(), view());
  expect_fits(lines, 80, 24);
  const std::string text = text_of(lines);
  for (const std::string_view part :
       {"rm -rf tests/ patches/ plan/ '~/'", "in /home/u/project", "by bash < node", "delete /home/u/project/tests/a.c",
        "at least 1,204 files, 3.4 MB; 12 not in git; 3 outside the project", "below /home/u/project/tests",
        "cannot be undone", "rule default.toml:31: deletes what was there before", "4:58 left", "session s-4f1c",
        "[o]nce", "[c]ommand", "[s]ession", "[n]o", "[r]eason", "s[t]op"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(QuestionView, ARenameSaysWhereItGoesAlsoWhereThereIsLittleRoom) {
  Question question = make_question();
  question.operation = "rename";
  question.other = "/home/u/elsewhere/b.c";
  for (const auto& size : {view(), view(40, 10)}) {
    const std::string text = text_of(lay_out(question, size));
    EXPECT_THAT(text, HasSubstr("rename /home/u/project/tests/a.c"));
    EXPECT_THAT(text, HasSubstr("  to /home/u/elsewhere/b.c"));
  }
  question.operation = "delete";
  EXPECT_THAT(text_of(lay_out(question, view())), HasSubstr("  from /home/u/elsewhere/b.c"));
}

TEST(QuestionView, MostImportantFirst) {
  const std::string text = text_of(lay_out(make_question(), view()));
  EXPECT_LT(text.find("rm -rf"), text.find("delete /home"));
  EXPECT_LT(text.find("delete /home"), text.find("1,204 files"));
  EXPECT_LT(text.find("1,204 files"), text.find("cannot be undone"));
  EXPECT_LT(text.find("cannot be undone"), text.find("default.toml"));
}

TEST(QuestionView, ASmallTerminalKeepsWhatMattersMost) {
  const auto lines = lay_out(make_question(), view(40, 10));
  expect_fits(lines, 40, 10);
  const std::string text = text_of(lines);
  for (const std::string_view part :
       {"rm -rf", "delete /home", "1,204", "3 outside", "cannot be undone", "left", "[o]nce", "[n]o", "s[t]op"}) {
    EXPECT_THAT(text, HasSubstr(part)) << text;
  }
}

TEST(QuestionView, EverySizeFits) {
  Question question = make_question();
  question.object = "/home/u/" + std::string(300, 'x') + "/日本語/" + std::string(3700, 'y');
  question.process = make_process(7, 1, std::vector<std::string>(300, "a word 日本"));
  question.confirm = "1204";
  for (std::size_t columns = 20; columns <= 200; columns += 30) {
    for (std::size_t rows = 4; rows <= 60; rows += 6) {
      for (const auto mode : {QuestionView::Mode::Keys, QuestionView::Mode::Reason, QuestionView::Mode::Confirm,
                              QuestionView::Mode::Details}) {
        QuestionView one = view(columns, rows);
        one.mode = mode;
        one.input = std::string(500, 'i');
        one.message = "that is not it; nothing was allowed";
        expect_fits(lay_out(question, one), columns, rows);
      }
    }
  }
}

TEST(QuestionView, TheWholeCommandCanBePagedThrough) {
  Question question = make_question();
  std::vector<std::string> argv{"rm"};
  for (int i = 0; i < 500; ++i) argv.push_back("file" + std::to_string(i));
  question.process = make_process(7, 1, argv);
  QuestionView one = view(40, 10);
  one.mode = QuestionView::Mode::Details;
  std::string all;
  const std::size_t pages = pages_of(question, one);
  EXPECT_GT(pages, 10U);
  for (one.page = 0; one.page < pages; ++one.page) all += text_of(lay_out(question, one));
  for (const std::string& word : argv) EXPECT_THAT(all, HasSubstr(word));
}

TEST(QuestionView, HostileNamesInAnyFieldStayText) {
  const std::string evil =
      "x\n\x1b[2J\x1b]0;t\a\xff\xc2\x9b"
      "1m\u202e\u200b\r[o]nce";
  Question question = make_question();
  question.session = question.operation = question.object = question.confirm = evil;
  auto process = std::make_shared<Process>(*question.process);
  process->argv = {evil, evil};
  process->cwd = process->exe = evil;
  process->ancestry = {evil, evil, evil};
  question.process = process;
  question.radius->root = evil;
  question.decision.reason = question.decision.rule.file = evil;
  for (const auto mode : {QuestionView::Mode::Keys, QuestionView::Mode::Reason, QuestionView::Mode::Confirm,
                          QuestionView::Mode::Details}) {
    QuestionView one = view();
    one.mode = mode;
    one.mark = one.input = one.message = evil;
    const auto lines = lay_out(question, one);
    expect_fits(lines, 80, 24);
    const std::string text = text_of(lines);
    EXPECT_EQ(text.find("\u202e"), std::string::npos);
    EXPECT_EQ(text.find("\u200b"), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
  }
}

TEST(QuestionView, ALongAncestryKeepsItsNearestNames) {
  Question question = make_question();
  auto process = std::make_shared<Process>(*question.process);
  process->ancestry = std::vector<std::string>(40, "parent");
  process->ancestry.front() = "nearest";
  question.process = process;
  EXPECT_THAT(text_of(lay_out(question, view())), HasSubstr("by nearest < parent"));
}

TEST(QuestionView, WithoutAProcessOrARadiusItStillAsks) {
  Question question = make_question();
  question.process.reset();
  question.radius.reset();
  EXPECT_THAT(text_of(lay_out(question, view())), HasSubstr("delete /home"));
}

TEST(QuestionView, QuorumAndQueueAreTold) {
  Question question = make_question();
  question.decision.quorum = 2;
  QuestionView one = view();
  one.waiting = 3;
  one.merged = 2;
  one.mark = "heron";
  const std::string text = text_of(lay_out(question, one));
  EXPECT_THAT(text, HasSubstr("needs the yes of 2 people"));
  EXPECT_THAT(text, HasSubstr("+3 waiting"));
  EXPECT_THAT(text, HasSubstr("2 calls"));
  EXPECT_THAT(text, HasSubstr("[heron]"));
}

TEST(QuestionView, NumbersAreReadable) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1000), "1,000");
  EXPECT_EQ(human_count(1234567), "1,234,567");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(3'400'000), "3.4 MB");
  EXPECT_EQ(human_bytes(18'446'744'073'709'551'615U), "18 EB");
  EXPECT_EQ(human_left(0s), "0:00");
  EXPECT_EQ(human_left(-5s), "0:00");
  EXPECT_EQ(human_left(298s), "4:58");
  EXPECT_EQ(human_left(3700s), "1:01:40");
  Radius one{1, 5, 0, 0, true, "/"};
  EXPECT_EQ(what_lies_below(one), "1 file, 5 B; 0 not in git; 0 outside the project");
}

TEST(QuestionView, WrapKeepsEveryByte) {
  for (const std::string text : {"", "one two three four", "abcdefghijklmnop", "日本語日本語", "a 日 b 本 c 語 d"}) {
    for (std::size_t columns = 2; columns < 12; ++columns) {
      std::string joined;
      for (const std::string& line : wrap(text, columns)) {
        EXPECT_LE(columns_of(line), columns);
        joined += line;
      }
      EXPECT_EQ(joined, text);
    }
  }
}

}  // namespace
}  // namespace assent::approve
