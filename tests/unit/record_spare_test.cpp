// audit.pending is handed on from session to session, and nothing of one is ever taken for another's.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/sys.h"
#include "record/pending.h"
#include "record/repair.h"
#include "record/verify.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

ino_t inode_of(const std::string& path) {
  struct stat stat {};
  return ::stat(path.c_str(), &stat) == 0 ? stat.st_ino : 0;
}

struct Ended {
  std::string session;
  std::string folder;
};

Ended end_a_session(const std::string& state) {
  auto log = AuditLog::create(state, some_session());
  EXPECT_TRUE(log);
  const SomeAct act("/home/u/project/of-the-first");
  for (int i = 0; i < 5; ++i) perform(**log, act);
  EXPECT_TRUE((*log)->close({}));
  return {(*log)->session(), session_path(state, (*log)->session())};
}

UniqueFd folder_of(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

TEST(RecordSpare, TheNextSessionTakesTheFileAndFindsItEmpty) {
  const TempDir state;
  const auto first = end_a_session(state.path());
  EXPECT_EQ(inode_of(first.folder + "/audit.pending"), 0U);
  const auto spare = inode_of(state.path() + "/audit.spare");
  ASSERT_NE(spare, 0U);
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  EXPECT_EQ(inode_of((*log)->path() + "/audit.pending"), spare);
  EXPECT_EQ(inode_of(state.path() + "/audit.spare"), 0U);
  const auto copy = read_pending((*log)->directory());
  ASSERT_TRUE(copy) << copy.error().what;
  EXPECT_EQ(copy->session, (*log)->session());
  EXPECT_EQ(copy->lines, "");
  EXPECT_EQ(copy->open, "");
  EXPECT_EQ(copy->counts.allowed, 0U);
}

TEST(RecordSpare, OneThatIsKilledRightAfterTakingItIsRepairedWithoutTheFirstOnesLines) {
  const TempDir state;
  end_a_session(state.path());
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  const auto session = (*log)->session();
  log->reset();
  const auto done = repair(state.path(), session, {});
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->recovered, 0U);
  EXPECT_FALSE(verify(state.path(), session).bad);
}

// A power failure that kept the file's new name and its old bytes.
TEST(RecordSpare, LinesUnderAnotherSessionsIdAreNobodys) {
  const TempDir state;
  std::string bytes;
  {
    auto log = AuditLog::create(state.path(), some_session());
    ASSERT_TRUE(log);
    const SomeAct act("/home/u/project/of-the-first");
    for (int i = 0; i < 5; ++i) perform(**log, act);
    bytes = slurp((*log)->path() + "/audit.pending");
    ASSERT_TRUE((*log)->close({}));
  }
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  const auto session = (*log)->session();
  const auto file = (*log)->path() + "/audit.pending";
  log->reset();
  spill(file, bytes);
  const auto done = repair(state.path(), session, {});
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->recovered, 0U);
  EXPECT_EQ(slurp(session_path(state.path(), session) + "/audit.jsonl").find("of-the-first"), std::string::npos);
  EXPECT_FALSE(verify(state.path(), session).bad);
}

// The control: under its own id they are recovered.
TEST(RecordSpare, LinesUnderTheSessionsOwnIdAreRecovered) {
  const TempDir state;
  end_a_session(state.path());
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  const SomeAct act("/home/u/project/of-the-second");
  for (int i = 0; i < 5; ++i) perform(**log, act);
  const auto session = (*log)->session();
  log->reset();
  const auto done = repair(state.path(), session, {});
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_GT(done->recovered, 0U);
  EXPECT_NE(slurp(session_path(state.path(), session) + "/audit.jsonl").find("of-the-second"), std::string::npos);
  EXPECT_FALSE(verify(state.path(), session).bad);
}

TEST(RecordSpare, AFileThatAnotherCouldHoldIsNotTaken) {
  for (const std::string fault : {"mode", "short", "linked", "link", "folder"}) {
    const TempDir state;
    end_a_session(state.path());
    const auto spare = state.path() + "/audit.spare";
    const auto before = inode_of(spare);
    if (fault == "mode") {
      ASSERT_EQ(::chmod(spare.c_str(), 0666), 0);
    }
    if (fault == "short") {
      ASSERT_EQ(::truncate(spare.c_str(), 4096), 0);
    }
    if (fault == "linked") {
      ASSERT_EQ(::link(spare.c_str(), (state.path() + "/other").c_str()), 0);
    }
    if (fault == "link") {
      ASSERT_EQ(::rename(spare.c_str(), (state.path() + "/other").c_str()), 0);
      ASSERT_EQ(::symlink("other", spare.c_str()), 0);
    }
    if (fault == "folder") {
      ASSERT_EQ(::unlink(spare.c_str()), 0);
      ASSERT_EQ(::mkdir(spare.c_str(), 0700), 0);
    }
    auto log = AuditLog::create(state.path(), some_session());
    if (fault == "folder") {
      EXPECT_FALSE(log);  // and nothing is started
      continue;
    }
    ASSERT_TRUE(log) << fault;
    // Of one that went, the number may be given out again.
    if (fault == "linked" || fault == "link") {
      EXPECT_NE(inode_of((*log)->path() + "/audit.pending"), before) << fault;
    }
    const auto copy = read_pending((*log)->directory());
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->session, (*log)->session());
  }
}

TEST(RecordSpare, AReaderOfASessionThatHasEndedSeesNothingOfTheNext) {
  const TempDir state;
  const auto first = end_a_session(state.path());
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  const auto copy = read_pending(folder_of(first.folder).get());
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code, ENOENT);
}

}  // namespace
}  // namespace assent::record
