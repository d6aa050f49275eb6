// A start looks at unfinished sessions only, and misses none.
#include "record/unfinished.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "record/pending.h"
#include "record/repair.h"
#include "record/verify.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

namespace fs = std::filesystem;

std::size_t names_in(const std::string& state) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(state + "/unfinished")) {
    if (is_session_id(entry.path().filename().string())) ++count;
  }
  return count;
}

// Killed: no end in its log.
std::string killed_session(const std::string& state) {
  auto log = AuditLog::create(state, some_session());
  EXPECT_TRUE(log);
  return (*log)->session();
}

std::string whole_session(const std::string& state) {
  auto log = AuditLog::create(state, some_session());
  EXPECT_TRUE(log);
  EXPECT_TRUE((*log)->close({}));
  return (*log)->session();
}

TEST(RecordUnfinished, WithoutTheFolderEverySessionIsLookedAt) {
  const TempDir state;
  whole_session(state.path());
  const auto killed = killed_session(state.path());
  const auto all = list_unfinished(state.path());
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->whole);
  EXPECT_EQ(all->sessions.size(), 2U);
  const auto done = repair_all(state.path(), {});
  ASSERT_EQ(done.repaired.size(), 1U);
  EXPECT_EQ(done.repaired[0].session, killed);
}

TEST(RecordUnfinished, FromThenOnOnlyTheUnfinished) {
  const TempDir state;
  whole_session(state.path());
  repair_all(state.path(), {});
  const auto killed = killed_session(state.path());
  whole_session(state.path());
  const auto some = list_unfinished(state.path());
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->whole);
  EXPECT_EQ(some->sessions, std::vector<std::string>{killed});
  const auto done = repair_all(state.path(), {});
  ASSERT_EQ(done.repaired.size(), 1U);
  EXPECT_EQ(done.repaired[0].session, killed);
  EXPECT_EQ(names_in(state.path()), 0U);
  EXPECT_TRUE(repair_all(state.path(), {}).repaired.empty());
}

TEST(RecordUnfinished, ASessionHasItsNameWhileItRuns) {
  const TempDir state;
  whole_session(state.path());
  repair_all(state.path(), {});
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  EXPECT_TRUE(fs::exists(state.path() + "/unfinished/" + (*log)->session()));
  // Another start meanwhile leaves it alone.
  const auto done = repair_all(state.path(), {});
  EXPECT_TRUE(done.repaired.empty() && done.failed.empty());
  EXPECT_TRUE(fs::exists(state.path() + "/unfinished/" + (*log)->session()));
  ASSERT_TRUE((*log)->close({}));
  EXPECT_FALSE(fs::exists(state.path() + "/unfinished/" + (*log)->session()));
}

TEST(RecordUnfinished, ASessionThatRunsWhileTheFolderIsMadeIsInIt) {
  const TempDir state;
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  EXPECT_TRUE(repair_all(state.path(), {}).repaired.empty());
  const auto some = list_unfinished(state.path());
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->whole);
  EXPECT_EQ(some->sessions, std::vector<std::string>{(*log)->session()});
}

TEST(RecordUnfinished, AFolderThatNobodyCompletedIsNotReliedOn) {
  const TempDir state;
  const auto killed = killed_session(state.path());
  fs::create_directory(state.path() + "/unfinished");
  const auto done = repair_all(state.path(), {});
  ASSERT_EQ(done.repaired.size(), 1U);
  EXPECT_EQ(done.repaired[0].session, killed);
}

TEST(RecordUnfinished, ANameTooManyGoes) {
  const TempDir state;
  const auto ended = whole_session(state.path());
  repair_all(state.path(), {});
  spill(state.path() + "/unfinished/" + ended, "");
  spill(state.path() + "/unfinished/20200101-000000-0000", "");
  EXPECT_TRUE(repair_all(state.path(), {}).failed.empty());
  EXPECT_EQ(names_in(state.path()), 0U);
}

// Where the child dies.
std::string deadly_step;
void die_there(std::string_view step) {
  if (step == deadly_step) ::raise(SIGKILL);
}

std::string session_killed_at(const std::string& state, const std::string& step) {
  const pid_t child = ::fork();
  if (child == 0) {
    deadly_step = step;
    AuditOptions options;
    options.probe = die_there;
    auto log = AuditLog::create(state, some_session(), options);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "there is no step " << step;
  return list_sessions(state).value().back();
}

TEST(RecordUnfinished, ASessionKilledBeforeItsFirstRecordLeavesNothing) {
  for (const char* step : {"named", "created", "begun"}) {
    const TempDir state;
    const auto before = whole_session(state.path());
    repair_all(state.path(), {});
    const auto killed = session_killed_at(state.path(), step);
    ASSERT_NE(killed, before);
    const auto done = repair_all(state.path(), {});
    EXPECT_TRUE(done.failed.empty());
    EXPECT_EQ(names_in(state.path()), 0U) << step;
    const bool has_record = std::string_view(step) == "begun";
    EXPECT_EQ(list_sessions(state.path())->size(), has_record ? 2U : 1U) << step;
  }
}

TEST(RecordUnfinished, ASessionKilledBeforeItHadANameIsPassedOver) {
  const TempDir state;
  const auto before = whole_session(state.path());
  repair_all(state.path(), {});
  const auto killed = session_killed_at(state.path(), "locked");
  ASSERT_NE(killed, before);
  EXPECT_TRUE(repair_all(state.path(), {}).failed.empty());
  EXPECT_TRUE(never_began(state.path(), killed));
  EXPECT_EQ(find_session(state.path(), "last").value(), before);
  const auto sound = verify_all(state.path());
  ASSERT_TRUE(sound);
  for (const auto& each : *sound) EXPECT_FALSE(each.bad) << each.session;
  EXPECT_FALSE(verify(state.path(), killed).bad);
  // Whose record was taken away is another matter.
  fs::resize_file(session_path(state.path(), before) + "/audit.jsonl", 0);
  const auto all = verify_all(state.path());
  EXPECT_TRUE(std::ranges::any_of(*all, [&](const auto& each) { return each.session == before && each.bad; }));
}

// It looks for the folder before it has an audit.pending; whoever makes the folder meanwhile sees the one or the other.
TEST(RecordUnfinished, ASessionThatBeginsWhileTheFolderIsMadeIsInIt) {
  const TempDir state;
  const auto beginning = session_killed_at(state.path(), "named");  // as if it stood still there
  EXPECT_TRUE(repair_all(state.path(), {}).repaired.empty());
  EXPECT_EQ(list_unfinished(state.path())->sessions, std::vector<std::string>{beginning});
}

TEST(RecordUnfinished, WhatCannotBeRepairedKeepsItsName) {
  const TempDir state;
  whole_session(state.path());
  repair_all(state.path(), {});
  const auto killed = killed_session(state.path());
  const auto file = session_path(state.path(), killed) + "/audit.jsonl";
  spill(file, slurp(file) + "not a record\n");
  EXPECT_EQ(repair_all(state.path(), {}).failed.size(), 1U);
  EXPECT_EQ(names_in(state.path()), 1U);
  EXPECT_EQ(repair_all(state.path(), {}).failed.size(), 1U);
}

}  // namespace
}  // namespace assent::record
