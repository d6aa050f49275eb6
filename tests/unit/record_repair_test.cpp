// The supervisor is killed at every step that the log can be killed at; the next start completes the log, and no act
// that was performed is without a record.
#include "record/repair.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <set>

#include "record/heads.h"
#include "record/pending.h"
#include "record/verify.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

// The child dies at the Nth step, counted over all steps.
int steps_left = 0;
void die_at_step(std::string_view) {
  if (--steps_left == 0) ::raise(SIGKILL);
}

// What the child did really, told through a pipe: one byte '+' an act that was performed.
struct Deeds {
  std::size_t performed = 0;
  bool killed = false;
};

template <class Work>
Deeds in_a_child_killed_at(int step, Work work) {
  int pipe[2];
  EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    steps_left = step;
    work([&] { (void)!::write(pipe[1], "+", 1); });
    ::_exit(0);
  }
  ::close(pipe[1]);
  Deeds deeds;
  char c = 0;
  while (::read(pipe[0], &c, 1) == 1) ++deeds.performed;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  deeds.killed = WIFSIGNALED(status);
  EXPECT_TRUE(deeds.killed || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
  return deeds;
}

void run_session(const std::string& state, const std::function<void()>& did) {
  AuditOptions options;
  options.flush_acts = 3;
  options.probe = die_at_step;
  auto log = AuditLog::create(state, some_session(), options);
  if (!log) ::_exit(20);
  const SomeAct plain("/home/u/project/plain\xff");
  SomeAct asked("/home/u/project/asked", Verdict::Ask, plain.request.process);
  Answer yes;
  yes.consent = Consent::Yes;
  const std::vector<Fact> staged{{"stage", ".assent-\xff"}, {"directory", "/home/u/project"}};
  for (int i = 0; i < 4; ++i) {
    Act act = plain.act();
    act.staged = staged;
    auto permit = (*log)->intent(act);
    if (!permit) ::_exit(21);
    did();
    if (!(*log)->outcome(permit->sequence(), {})) ::_exit(22);
  }
  Act act = asked.act();
  act.answer = &yes;
  act.staged = staged;
  auto slow = (*log)->intent(act, Durability::Durable);
  if (!slow) ::_exit(23);
  auto quick = (*log)->intent(plain.act());
  if (!quick) ::_exit(24);
  const std::vector<Fact> later{{"late", "fact"}};
  if (!(*log)->stage(slow->sequence(), later)) ::_exit(25);
  did();
  did();
  if (!(*log)->outcome(slow->sequence(), {})) ::_exit(26);
  if (!(*log)->outcome(quick->sequence(), {})) ::_exit(27);
  if (!(*log)->close({})) ::_exit(28);
}

struct Told {
  std::size_t acts = 0;
  std::size_t interrupted = 0;
  std::set<std::uint64_t> without_outcome;
};

Told told(const std::string& path) {
  Told out;
  for (const auto& record : records_of(path)) {
    const auto kind = bytes_of(record, "kind");
    const auto outcome = bytes_of(record, "outcome");
    if (kind == "act") {
      ++out.acts;
      if (outcome.empty()) out.without_outcome.insert(number_of(record, "seq"));
    }
    if (kind == "outcome") out.without_outcome.erase(number_of(record, "of"));
    if (outcome == "interrupted") ++out.interrupted;
  }
  return out;
}

TEST(RecordRepair, KilledAtEveryStepNoPerformedActIsWithoutARecord) {
  int kills = 0;
  for (int step = 1; step < 200; ++step) {
    const TempDir state;
    const auto deeds = in_a_child_killed_at(step, [&](const auto& did) { run_session(state.path(), did); });
    if (!deeds.killed) break;
    ++kills;
    auto sessions = list_sessions(state.path());
    ASSERT_TRUE(sessions);
    ASSERT_EQ(sessions->size(), 1U);
    const auto& session = sessions->front();
    const auto path = session_path(state.path(), session);
    const auto before = told(path);
    EXPECT_LE(deeds.performed, before.acts + 1) << "step " << step;  // + 1: the line that is still open
    const auto is_bad = [&] {
      const auto each = verify_all(state.path());
      return !each || std::ranges::any_of(*each, [](const auto& one) { return one.bad.has_value(); });
    };
    EXPECT_FALSE(is_bad()) << "step " << step;

    std::size_t asked = 0;
    const auto all = repair_all(state.path(), [&](const Interrupted& act) -> Result<std::string> {
      ++asked;
      EXPECT_EQ(act.nonce, some_session().nonce);
      EXPECT_EQ(act.call, "unlinkat");
      EXPECT_EQ(act.objects.size(), 1U);
      if (act.objects.front().path == "/home/u/project/asked") {
        EXPECT_EQ(act.staged.at("stage"), ".assent-\xff");
      }
      return "nothing to put back";
    });
    ASSERT_TRUE(all.failed.empty()) << all.failed.front().what;
    if (never_began(state.path(), session)) {
      EXPECT_EQ(deeds.performed, 0U);
      continue;  // killed before its first record
    }
    const auto after = told(path);
    EXPECT_LE(deeds.performed, after.acts) << "step " << step;
    EXPECT_GE(deeds.performed + 2, after.acts) << "step " << step;
    EXPECT_TRUE(after.without_outcome.empty()) << "step " << step;
    EXPECT_EQ(after.interrupted, asked) << "step " << step;
    const auto result = verify(state.path(), session);
    EXPECT_FALSE(result.bad) << "step " << step << ": " << result.bad->detail;
    EXPECT_EQ(result.state, SessionState::Ended);
    EXPECT_FALSE(std::filesystem::exists(path + "/audit.pending"));

    const auto text = slurp(path + "/audit.jsonl");
    EXPECT_TRUE(repair_all(state.path(), {}).repaired.empty());  // nothing left to do
    EXPECT_EQ(slurp(path + "/audit.jsonl"), text);
  }
  EXPECT_GT(kills, 25);
}

TEST(RecordRepair, KilledDuringRepairTheNextRepairCompletesIt) {
  const TempDir state;
  in_a_child_killed_at(30, [&](const auto& did) { run_session(state.path(), did); });
  const auto session = list_sessions(state.path())->front();
  const TempDir copies;
  int kills = 0;
  for (int step = 1; step < 50; ++step) {
    const auto copy = copies.path() + "/" + std::to_string(step);
    std::filesystem::copy(state.path(), copy, std::filesystem::copy_options::recursive);
    const auto put_back = [](const Interrupted&) -> Result<std::string> { return "put back"; };
    const auto deeds = in_a_child_killed_at(step, [&](const auto&) {
      if (!repair(copy, session, put_back, die_at_step)) ::_exit(30);
    });
    if (deeds.killed) {
      ++kills;
      EXPECT_FALSE(verify(copy, session).bad) << "step " << step;
      const auto again = repair(copy, session, put_back);
      ASSERT_TRUE(again) << again.error().what;
    }
    const auto after = told(session_path(copy, session));
    EXPECT_TRUE(after.without_outcome.empty());
    const auto result = verify(copy, session);
    EXPECT_FALSE(result.bad) << "step " << step << ": " << result.bad->detail;
    std::size_t settled = 0;
    for (const auto& record : records_of(session_path(copy, session))) settled += bytes_of(record, "kind") == "settled";
    EXPECT_EQ(settled, after.interrupted);
    if (!deeds.killed) break;
  }
  EXPECT_GT(kills, 5);
}

TEST(RecordRepair, WhatCouldNotBePutBackIsAskedForAgain) {
  const TempDir state;
  std::string session;
  {
    auto log = AuditLog::create(state.path(), some_session());
    ASSERT_TRUE(log);
    session = (*log)->session();
    const SomeAct act;
    const std::vector<Fact> staged{{"stage", "x"}};
    Act with = act.act();
    with.staged = staged;
    ASSERT_TRUE((*log)->intent(with));
  }
  int asked = 0;
  const auto refuse = [&](const Interrupted& act) -> Result<std::string> {
    EXPECT_EQ(act.staged.at("stage"), "x");
    ++asked;
    return fail(EACCES, "not now");
  };
  EXPECT_FALSE(repair(state.path(), session, refuse)->ended);
  EXPECT_FALSE(repair(state.path(), session, refuse)->ended);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(verify(state.path(), session).state, SessionState::Crashed);
  const auto done = repair(state.path(), session, [](const Interrupted&) -> Result<std::string> { return "done"; });
  EXPECT_TRUE(done->ended);
  EXPECT_FALSE(verify(state.path(), session).bad);
}

TEST(RecordRepair, ASessionThatRunsIsLeftAlone) {
  const TempDir state;
  auto log = AuditLog::create(state.path(), some_session());
  ASSERT_TRUE(log);
  const SomeAct act;
  perform(**log, act);
  EXPECT_EQ(repair(state.path(), (*log)->session(), {}).error().code, EBUSY);
  EXPECT_TRUE(repair_all(state.path(), {}).repaired.empty());
  perform(**log, act);
  ASSERT_TRUE((*log)->close({}));
  EXPECT_FALSE(verify(state.path(), (*log)->session()).bad);
}

TEST(RecordRepair, AHalfWrittenBatchIsCompletedFromTheMapping) {
  const TempDir state;
  std::string session;
  {
    auto log = AuditLog::create(state.path(), some_session());
    ASSERT_TRUE(log);
    session = (*log)->session();
    const SomeAct act;
    for (int i = 0; i < 5; ++i) perform(**log, act);
  }
  const auto path = session_path(state.path(), session);
  const auto lines = read_pending(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))->lines;
  for (const std::size_t part : {std::size_t{0}, std::size_t{1}, lines.size() / 2, lines.size() - 1, lines.size()}) {
    const TempDir copy;
    std::filesystem::copy(state.path(), copy.path(), std::filesystem::copy_options::recursive);
    const auto there = session_path(copy.path(), session) + "/audit.jsonl";
    spill(there, slurp(there) + lines.substr(0, part));  // the write was cut short here
    EXPECT_FALSE(verify(copy.path(), session).bad) << part;
    EXPECT_EQ(told(session_path(copy.path(), session)).acts, 5U);
    ASSERT_TRUE(repair(copy.path(), session, {}));
    EXPECT_FALSE(verify(copy.path(), session).bad) << part;
    EXPECT_EQ(told(session_path(copy.path(), session)).acts, 5U);
  }
}

TEST(RecordRepair, AfterAPowerFailureTheTornLineGoesAndTheRestStands) {
  const TempDir state;
  std::string session;
  {
    auto log = AuditLog::create(state.path(), some_session());
    ASSERT_TRUE(log);
    session = (*log)->session();
    const SomeAct act;
    for (int i = 0; i < 5; ++i) perform(**log, act);
    ASSERT_TRUE((*log)->flush());
  }
  const auto path = session_path(state.path(), session);
  const auto text = slurp(path + "/audit.jsonl");
  spill(path + "/audit.jsonl", text.substr(0, text.size() - 100));
  // The mapping is of an older moment: empty, and its header zero.
  spill(path + "/audit.pending", std::string(kPendingSize, '\0'));
  const auto done = repair(state.path(), session, {});
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_GT(done->torn, 0U);
  EXPECT_TRUE(done->ended);
  EXPECT_FALSE(verify(state.path(), session).bad);
  EXPECT_EQ(told(path).acts, 4U);
}

TEST(RecordRepair, ADamagedEndIsNotTouched) {
  const TempDir state;
  std::string session;
  {
    auto log = AuditLog::create(state.path(), some_session());
    ASSERT_TRUE(log);
    session = (*log)->session();
    const SomeAct act;
    perform(**log, act);
    ASSERT_TRUE((*log)->flush());
  }
  const auto file = session_path(state.path(), session) + "/audit.jsonl";
  spill(file, slurp(file) + "not a record\n");
  const auto before = slurp(file);
  EXPECT_EQ(repair(state.path(), session, {}).error().code, EBADMSG);
  EXPECT_EQ(slurp(file), before);
}

}  // namespace
}  // namespace assent::record
