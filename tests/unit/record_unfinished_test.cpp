// A start looks at unfinished sessions only, and misses none.
#include "record/unfinished.h"

#include <filesystem>

#include "record/pending.h"
#include "record/repair.h"
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
