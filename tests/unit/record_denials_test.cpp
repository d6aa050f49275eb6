#include "record/denials.h"

#include "record/query.h"
#include "record/summary.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

Denial some_denial() {
  Denial denial;
  denial.process = 1;
  denial.operation = "delete";
  denial.object = "/home/u/project/src/a.c";
  denial.rule = {"default.toml", 31};
  denial.reason = "needs a human, none is attached";
  return denial;
}

TEST(RecordDenials, TheLineIsTheOneThatTheManualPromises) {
  EXPECT_EQ(denial_line(some_denial(), "/home/u/project"),
            "assent: denied delete src/a.c: needs a human, none is attached (default.toml:31); see $ASSENT_DENIALS");
}

TEST(RecordDenials, PathsOutsideTheWorkingDirectoryStayWhole) {
  auto denial = some_denial();
  for (const char* cwd : {"/home/u/project/src/a", "/home/u/proj", "/", "", "/home/u/project/src/a.c"}) {
    EXPECT_NE(denial_line(denial, cwd).find("delete /home/u/project/src/a.c:"), std::string::npos) << cwd;
  }
}

TEST(RecordDenials, HostileNamesAreShownEscaped) {
  auto denial = some_denial();
  denial.object = "/x\n\x1b[2J\xff";
  EXPECT_NE(denial_line(denial, "/").find("/x\\n\\x1b[2J\\xff"), std::string::npos);
}

TEST(RecordDenials, OneLineAProcessAndRuleAndARecordForEach) {
  const TempDir dir;
  const int directory = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto file = DenialsFile::create(directory);
  ASSERT_TRUE(file);
  auto denial = some_denial();
  denial.object = "/home/u/project/\xff";
  denial.may_ask = MayAsk::Yes;
  denial.suggestion = "ask the user to run it";
  EXPECT_TRUE(file->add(denial, "/home/u/project"));
  EXPECT_FALSE(file->add(denial, "/home/u/project"));
  denial.rule.line = 32;
  EXPECT_TRUE(file->add(denial, "/home/u/project"));
  denial.process = 2;
  EXPECT_TRUE(file->add(denial, "/home/u/project"));
  file->forget(1);
  denial.process = 1;
  EXPECT_TRUE(file->add(denial, "/home/u/project"));
  ::close(directory);

  const auto text = slurp(dir.path() + "/denials.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  const auto first = parse_record(text.substr(0, text.find('\n')));
  ASSERT_TRUE(first);
  EXPECT_EQ(bytes_of(*first, "operation"), "delete");
  EXPECT_EQ(bytes_of(*first, "object"), "/home/u/project/\xff");
  EXPECT_EQ(bytes_of(*first, "rule"), "default.toml:31");
  EXPECT_EQ(bytes_of(*first, "reason"), "needs a human, none is attached");
  EXPECT_EQ(bytes_of(*first, "suggestion"), "ask the user to run it");
  EXPECT_TRUE(truth_of(*first, "may_ask"));
  EXPECT_EQ(bytes_of(*first, "errno"), "EPERM");
}

TEST(RecordDenials, TheFileIsBounded) {
  const TempDir dir;
  const int directory = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto file = DenialsFile::create(directory);
  ASSERT_TRUE(file);
  auto denial = some_denial();
  const std::string object = "/" + std::string(4000, 'x');
  denial.object = object;
  for (int i = 0; i < 1500; ++i) (void)file->add(denial, "/");
  ::close(directory);
  const auto text = slurp(dir.path() + "/denials.jsonl");
  EXPECT_LT(text.size(), DenialsFile::kMaxBytes + 10000);
  EXPECT_TRUE(text.ends_with("\"more denials are not listed here\"}\n"));
}

TEST(RecordQuery, FiltersByRefusalPathAndTime) {
  const auto act = [](const char* decision, const char* path) {
    return Json{{"kind", "act"},
                {"time", "2026-11-21T02:15:30.0Z"},
                {"decision", decision},
                {"objects", {{{"op", "delete"}, {"path", path}}}}};
  };
  Query denied;
  denied.denied = true;
  EXPECT_TRUE(denied.matches(act("deny", "/a")));
  EXPECT_FALSE(denied.matches(act("allow", "/a")));
  EXPECT_TRUE(denied.matches(Json{{"kind", "answer"}, {"answer", "no"}}));
  EXPECT_FALSE(denied.matches(Json{{"kind", "answer"}, {"answer", "yes"}}));
  EXPECT_FALSE(denied.matches(Json{{"kind", "process"}}));
  Query below;
  below.path = "/a/b";
  EXPECT_TRUE(below.matches(act("deny", "/a/b")));
  EXPECT_TRUE(below.matches(act("deny", "/a/b/c")));
  EXPECT_FALSE(below.matches(act("deny", "/a/bc")));
  below.path = "*.c";
  EXPECT_TRUE(below.matches(act("deny", "/a/b.c")));
  Query since;
  since.since = "2026-11-21T02:15";
  EXPECT_TRUE(since.matches(act("deny", "/a")));
  since.since = "2026-11-21T02:16";
  EXPECT_FALSE(since.matches(act("deny", "/a")));
}

TEST(RecordSummary, TellsOfASessionWithoutReadingItsMiddle) {
  const TempDir state;
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  const SomeAct act;
  perform(**log, act);
  ASSERT_TRUE((*log)->denied(act.act(), EPERM));
  auto running = summarize(state.path(), (*log)->session());
  ASSERT_TRUE(running);
  EXPECT_EQ(running->state, SessionState::Running);
  EXPECT_EQ(running->counts.allowed, 1U);
  EXPECT_EQ(running->counts.denied, 1U);
  EXPECT_EQ(running->command, some_session().command);
  ASSERT_TRUE((*log)->close({3 << 8}));
  auto ended = summarize(state.path(), (*log)->session());
  EXPECT_EQ(ended->state, SessionState::Ended);
  EXPECT_EQ(ended->status, 3);
  EXPECT_EQ(ended->counts.denied, 1U);
  EXPECT_GE(ended->seconds, 0);
}

}  // namespace
}  // namespace assent::record
