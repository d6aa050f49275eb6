#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "record/heads.h"
#include "record/pending.h"
#include "record/verify.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

std::unique_ptr<AuditLog> start(const TempDir& state, const AuditOptions& options = {}) {
  auto log = AuditLog::create(state.path(), some_session(), options);
  EXPECT_TRUE(log) << log.error().what;
  return log ? std::move(*log) : nullptr;
}

std::vector<std::string> kinds(const std::vector<Json>& records) {
  std::vector<std::string> out;
  for (const auto& record : records) out.push_back(bytes_of(record, "kind"));
  return out;
}

using Kinds = std::vector<std::string>;

TEST(RecordLog, AnActIsOneLineWithItsOutcome) {
  const TempDir state;
  auto log = start(state);
  perform(*log, SomeAct());
  perform(*log, SomeAct("/home/u/project/b"), ENOENT);
  ASSERT_TRUE(log->close({}));
  const auto records = records_of(log->path());
  EXPECT_EQ(kinds(records), (Kinds{"begin", "process", "act", "process", "act", "end"}));
  const auto& act = records[2];
  EXPECT_EQ(number_of(act, "seq"), 3U);
  EXPECT_EQ(bytes_of(act, "call"), "unlinkat");
  EXPECT_EQ(bytes_of(act, "rule"), "default.toml:31");
  EXPECT_EQ(bytes_of(act, "decision"), "allow");
  EXPECT_EQ(bytes_of(act, "outcome"), "ok");
  EXPECT_EQ(bytes_of(act["objects"][0], "path"), "/home/u/project/tests/a.c");
  EXPECT_EQ(bytes_of(act["objects"][0], "op"), "delete");
  EXPECT_EQ(number_of(act["objects"][0], "size"), 1234U);
  EXPECT_EQ(bytes_of(records[4], "outcome"), "ENOENT");
  EXPECT_EQ(number_of(records[5], "allowed"), 2U);
}

TEST(RecordLog, AProcessImageIsRecordedOnce) {
  const TempDir state;
  auto log = start(state);
  const auto process = some_process();
  const SomeAct one("/a", Verdict::Allow, process);
  const SomeAct two("/b", Verdict::Allow, process);
  perform(*log, one);
  const SomeAct other("/b", Verdict::Allow, some_process(2));
  perform(*log, other);
  perform(*log, two);
  const SomeAct image("/c", Verdict::Allow, some_process(1));  // the same process after an exec
  perform(*log, image);
  EXPECT_EQ(kinds(records_of(log->path())),
            (Kinds{"begin", "process", "act", "process", "act", "act", "process", "act"}));
}

TEST(RecordLog, LinesThatWaitInTheMappingAreReadTooAndOnlyFlushMovesThem) {
  const TempDir state;
  auto log = start(state);
  perform(*log, SomeAct());
  const auto before = slurp(log->path() + "/audit.jsonl");
  EXPECT_EQ(std::count(before.begin(), before.end(), '\n'), 1);
  EXPECT_EQ(records_of(log->path()).size(), 3U);
  ASSERT_TRUE(log->flush());
  const auto after = slurp(log->path() + "/audit.jsonl");
  EXPECT_EQ(std::count(after.begin(), after.end(), '\n'), 3);
  EXPECT_EQ(records_of(log->path()).size(), 3U);
}

TEST(RecordLog, EnoughActsAreWrittenOutByThemselves) {
  const TempDir state;
  AuditOptions options;
  options.flush_acts = 10;
  auto log = start(state, options);
  const SomeAct act;
  for (int i = 0; i < 25; ++i) perform(*log, act);
  const auto text = slurp(log->path() + "/audit.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 1 + 20);
}

TEST(RecordLog, ADurableIntentIsInTheLogBeforeThePermit) {
  const TempDir state;
  auto log = start(state);
  const SomeAct act("/x", Verdict::Ask);
  Answer answer;
  answer.question = 7;
  answer.consent = Consent::Yes;
  answer.who = "terminal";
  answer.took = std::chrono::milliseconds(1500);
  Act asked = act.act();
  asked.answer = &answer;
  const std::vector<Fact> staged{{"stage", ".assent-stage-1"}, {"name", "x\xff"}};
  asked.staged = staged;
  auto permit = log->intent(asked, Durability::Durable);
  ASSERT_TRUE(permit);
  const auto text = slurp(log->path() + "/audit.jsonl");
  EXPECT_NE(text.find("\"path\":\"/x\""), std::string::npos);
  ASSERT_TRUE(log->outcome(permit->sequence(), {}));
  const auto records = records_of(log->path());
  EXPECT_EQ(kinds(records), (Kinds{"begin", "process", "act", "outcome"}));
  EXPECT_EQ(bytes_of(records[2], "answer"), "yes");
  EXPECT_EQ(bytes_of(records[2], "by"), "terminal");
  EXPECT_EQ(number_of(records[2], "took_ms"), 1500U);
  EXPECT_EQ(bytes_of(records[2]["staged"], "name"), "x\xff");
  EXPECT_EQ(number_of(records[3], "of"), permit->sequence());
  EXPECT_EQ(bytes_of(records[3], "outcome"), "ok");
}

TEST(RecordLog, SeveralActsMayBeUnderWayAtOnce) {
  const TempDir state;
  auto log = start(state);
  const SomeAct act;
  auto one = log->intent(act.act());
  auto two = log->intent(act.act());
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(log->note("freeze", "something else"));
  ASSERT_TRUE(log->outcome(one->sequence(), {}));
  ASSERT_TRUE(log->outcome(two->sequence(), {EPERM}));
  EXPECT_FALSE(log->outcome(one->sequence(), {}));  // once only
  EXPECT_FALSE(log->outcome(99, {}));
  EXPECT_FALSE(log->outcome(0, {}));
  ASSERT_TRUE(log->close({}));
  const auto records = records_of(log->path());
  EXPECT_EQ(kinds(records), (Kinds{"begin", "process", "act", "act", "note", "outcome", "outcome", "end"}));
  EXPECT_EQ(number_of(records[5], "of"), one->sequence());
  EXPECT_FALSE(verify(state.path(), log->session()).bad);
}

TEST(RecordLog, AFlushWhileAnActIsUnderWayKeepsIt) {
  const TempDir state;
  auto log = start(state);
  const SomeAct act;
  auto permit = log->intent(act.act());
  ASSERT_TRUE(permit);
  ASSERT_TRUE(log->flush());
  ASSERT_TRUE(log->outcome(permit->sequence(), {}));
  ASSERT_TRUE(log->close({}));
  const auto result = verify(state.path(), log->session());
  EXPECT_FALSE(result.bad) << result.bad->detail;
  EXPECT_EQ(number_of(records_of(log->path()).back(), "allowed"), 1U);
}

TEST(RecordLog, HostileNamesComeBackByteExact) {
  const TempDir state;
  auto log = start(state);
  const std::vector<std::string> names{"/a\nb",
                                       "/\x1b]0;owned\x07",
                                       "/\xff\xfe\xfd",
                                       "/" + std::string(4094, '\xfe'),
                                       "/\"},{\"x\":\"",
                                       "/,\"outcome\":\"ok\"",
                                       "/\xe2\x80\xae"
                                       "cod.exe"};
  for (const auto& name : names) perform(*log, SomeAct(name));
  ASSERT_TRUE(log->close({}));
  std::vector<std::string> found;
  for (const auto& record : records_of(log->path())) {
    if (bytes_of(record, "kind") == "act") found.push_back(bytes_of(record["objects"][0], "path"));
  }
  EXPECT_EQ(found, names);
  for (const char c : slurp(log->path() + "/audit.jsonl")) {
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  }
}

TEST(RecordLog, AnArgvThatIsTooLongIsCutAndSaysSo) {
  const TempDir state;
  auto log = start(state);
  auto process = std::make_shared<Process>(*some_process());
  process->argv.assign(400, std::string(8192, '\xff'));
  const SomeAct act("/a", Verdict::Allow, process);
  perform(*log, act);
  const auto records = records_of(log->path());
  EXPECT_TRUE(truth_of(records[1], "argv_cut"));
  EXPECT_EQ(bytes_array_of(records[1], "argv")[0], std::string(8192, '\xff'));
  ASSERT_TRUE(log->close({}));
}

TEST(RecordLog, AFullLogDeniesFromThenOnAndSaysWhy) {
  const TempDir state;
  AuditOptions options;
  options.max_bytes = 20000;
  auto log = start(state, options);
  const SomeAct act;
  int done = 0;
  int code = 0;
  while (code == 0 && done < 1000) {
    auto permit = log->intent(act.act());
    if (!permit) {
      code = permit.error().code;
      break;
    }
    ASSERT_TRUE(log->outcome(permit->sequence(), {}));
    ++done;
    (void)log->flush();
  }
  EXPECT_EQ(code, EFBIG);
  EXPECT_NE(log->failure(), "");
  EXPECT_FALSE(log->denied(act.act(), EPERM));
  ASSERT_TRUE(log->close({}));
  const auto records = records_of(log->path());
  EXPECT_EQ(bytes_of(records[records.size() - 2], "kind"), "failure");
  EXPECT_EQ(number_of(records.back(), "allowed"), static_cast<std::uint64_t>(done));
  EXPECT_EQ(number_of(records.back(), "unrecorded"), 1U);
  EXPECT_FALSE(verify(state.path(), log->session()).bad);
}

TEST(RecordLog, AReaderSeesEveryRecordOnceWhileTheSessionWrites) {
  const TempDir state;
  AuditOptions options;
  options.flush_bytes = 4096;
  auto log = start(state, options);
  const std::string path = log->path();
  constexpr std::uint64_t kActs = 20000;
  std::jthread writer([&] {
    const SomeAct act;
    for (std::uint64_t i = 0; i < kActs; ++i) perform(*log, act);
  });
  auto reader = LogReader::open(path);
  ASSERT_TRUE(reader);
  HashText before = genesis();
  std::uint64_t expected = 1;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (expected <= kActs + 2 && std::chrono::steady_clock::now() < deadline) {
    const auto line = reader->next();
    if (!line) {
      std::this_thread::yield();
      continue;
    }
    const auto sealed = unseal(line->text);
    ASSERT_TRUE(sealed) << line->text;
    ASSERT_EQ(sealed->sequence, expected);
    ASSERT_EQ(hash_line(before, sealed->body), sealed->hash);
    before = sealed->hash;
    ++expected;
  }
  EXPECT_EQ(expected, kActs + 3);
  EXPECT_FALSE(reader->cut());
}

TEST(RecordLog, SeveralThreadsMayRecord) {
  const TempDir state;
  AuditOptions options;
  options.flush_bytes = 8192;
  auto log = start(state, options);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 1; t <= 4; ++t) {
      threads.emplace_back([&, t] {
        const SomeAct act("/thread", Verdict::Allow, some_process(t));
        for (int i = 0; i < 500; ++i) {
          auto permit = log->intent(act.act(), i % 100 == 0 ? Durability::Durable : Durability::Buffered);
          ASSERT_TRUE(permit);
          ASSERT_TRUE(log->outcome(permit->sequence(), {}));
        }
      });
    }
  }
  ASSERT_TRUE(log->close({}));
  const auto result = verify(state.path(), log->session());
  EXPECT_FALSE(result.bad) << result.bad->detail;
  EXPECT_EQ(number_of(records_of(log->path()).back(), "allowed"), 2000U);
}

// The disk is full: RLIMIT_FSIZE stands for it (the same branch: a write that fails or is cut short), in a child so
// that the limit stays there.
TEST(RecordLog, AFailedWriteDeniesLaterActsAndLosesNothing) {
  const TempDir state;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto log = AuditLog::create(state.path(), some_session());
    if (!log) ::_exit(10);
    const rlimit limit{3000, 3000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const SomeAct act;
    for (int i = 0; i < 20; ++i) {
      auto permit = (*log)->intent(act.act());
      if (!permit) ::_exit(11);
      if (!(*log)->outcome(permit->sequence(), {})) ::_exit(12);
    }
    if ((*log)->flush()) ::_exit(13);
    const auto permit = (*log)->intent(act.act());
    if (permit || permit.error().code != EFBIG) ::_exit(14);
    if ((*log)->intent(act.act(), Durability::Durable)) ::_exit(15);
    if ((*log)->close({})) ::_exit(16);  // it could not be written, so it must not say it was
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0) << WEXITSTATUS(status);
  const auto sessions = list_sessions(state.path());
  ASSERT_TRUE(sessions);
  const auto records = records_of(session_path(state.path(), sessions->front()));
  const auto seen = kinds(records);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), "act"), 20);
  EXPECT_EQ(seen[seen.size() - 2], "failure");
  EXPECT_EQ(seen.back(), "end");
  EXPECT_FALSE(verify(state.path(), sessions->front()).bad);
}

// The same on a file system that is really full, in a mount namespace of the child's own.
TEST(RecordLog, AFullDiskDeniesLaterActsAndLosesNothing) {
  const TempDir state;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto uid_map = "0 " + std::to_string(::geteuid()) + " 1";
    const auto gid_map = "0 " + std::to_string(::getegid()) + " 1";
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(77);
    if (uid_map != "0 0 1") {
      spill("/proc/self/setgroups", "deny");
      spill("/proc/self/uid_map", uid_map);
      spill("/proc/self/gid_map", gid_map);
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    if (::mount("tmpfs", state.path().c_str(), "tmpfs", 0, "size=2m") != 0) ::_exit(77);
    auto log = AuditLog::create(state.path(), some_session());
    if (!log) ::_exit(10);
    const auto filler = state.path() + "/filler";
    const int fd = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (::write(fd, block.data(), block.size()) > 0) {
    }
    const SomeAct act;
    int done = 0;
    int code = 0;
    while (code == 0 && done < 100000) {
      auto permit = (*log)->intent(act.act());
      if (permit) {
        if (!(*log)->outcome(permit->sequence(), {})) ::_exit(11);
        ++done;
      } else {
        code = permit.error().code;
      }
    }
    if (code != ENOSPC || done < 100) ::_exit(12);
    const std::string why = (*log)->failure();
    if (why.find("No space left on device (ENOSPC)") == std::string::npos) ::_exit(13);
    const auto acts = [&] {
      int n = 0;
      for (const auto& record : records_of((*log)->path())) n += bytes_of(record, "kind") == "act";
      return n;
    };
    if (acts() != done) ::_exit(14);
    // There is room again: the end is written, the failure stands in the record.
    if (::ftruncate(fd, 0) != 0 || !(*log)->close({})) ::_exit(15);
    if (acts() != done || verify(state.path(), (*log)->session()).bad) ::_exit(16);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no mount namespace here";
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(RecordLog, NoRoomForTheMappingMeansNoSession) {
  const TempDir state;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(AuditLog::create(state.path(), some_session()) ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(RecordLog, QuestionsAnswersExecsExitsAndDenialsAreRecorded) {
  const TempDir state;
  auto log = start(state);
  Question question;
  question.id = 1;
  question.process = some_process();
  question.operation = "delete";
  question.object = "/home/u/\xff";
  question.radius = Radius{10, 2000, 3, 0, false, "/home/u"};
  ASSERT_TRUE(log->question(question));
  Answer answer;
  answer.question = 1;
  answer.consent = Consent::No;
  answer.who = "terminal";
  answer.reason = "use the trash";
  ASSERT_TRUE(log->answer(answer));
  SomeAct exec("/x", Verdict::Allow, question.process);
  exec.request.call = "execve";
  exec.request.subject = ExecSubject{"/bin/rm", {"rm", "-rf", "\xff"}};
  ASSERT_TRUE(log->exec(exec.act()));
  SomeAct net("/x", Verdict::Deny, question.process);
  net.request.call = "connect";
  net.request.subject = NetSubject{NetSubject::Protocol::Tcp, "10.0.0.1", 443, {"example.org"}};
  ASSERT_TRUE(log->denied(net.act(), ECONNREFUSED));
  SomeAct unread("/x", Verdict::Deny, question.process);
  Act broken = unread.act();
  broken.decision = nullptr;
  broken.error = "cannot read the path";
  ASSERT_TRUE(log->denied(broken, EPERM));
  ASSERT_TRUE(log->exit(1, 9));
  ASSERT_TRUE(log->close({}));
  const auto records = records_of(log->path());
  EXPECT_EQ(kinds(records), (Kinds{"begin", "process", "question", "answer", "exec", "act", "act", "exit", "end"}));
  EXPECT_EQ(bytes_of(records[2], "object"), "/home/u/\xff");
  EXPECT_FALSE(truth_of(records[2]["radius"], "complete"));
  EXPECT_EQ(bytes_of(records[3], "answer_reason"), "use the trash");
  EXPECT_EQ(bytes_array_of(records[4]["exec"], "argv")[2], "\xff");
  EXPECT_EQ(subjects_of(records[5]).front().object, "example.org:443");
  EXPECT_EQ(bytes_of(records[5], "outcome"), "ECONNREFUSED");
  EXPECT_EQ(bytes_of(records[6], "error"), "cannot read the path");
  EXPECT_EQ(number_of(records[7], "signal"), 9U);
  EXPECT_EQ(number_of(records[8], "denied"), 2U);
  EXPECT_EQ(number_of(records[8], "asked"), 1U);
}

TEST(RecordLog, TheLockTellsWhetherASessionRuns) {
  const TempDir state;
  auto log = start(state);
  auto directory = ::open(log->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT_TRUE(is_running(directory));
  lines_of(log->path());  // opening and closing the log elsewhere in the same process loses no lock
  EXPECT_TRUE(is_running(directory));
  EXPECT_EQ(verify(state.path(), log->session()).state, SessionState::Running);
  log.reset();
  EXPECT_FALSE(is_running(directory));
  ::close(directory);
}

TEST(RecordLog, SessionsAreFoundByIdBeginningOrLast) {
  const TempDir state;
  EXPECT_EQ(find_session(state.path(), "last").error().code, ENOENT);
  auto one = start(state);
  auto two = start(state);
  const auto later = std::max(one->session(), two->session());
  EXPECT_EQ(*find_session(state.path(), "last"), later);
  EXPECT_EQ(*find_session(state.path(), ""), later);
  EXPECT_EQ(*find_session(state.path(), one->session()), one->session());
  EXPECT_EQ(find_session(state.path(), "2").error().code, EINVAL);
  EXPECT_EQ(find_session(state.path(), "9").error().code, ENOENT);
  EXPECT_TRUE(is_session_id(one->session()));
  EXPECT_FALSE(is_session_id("../etc"));
  struct stat stat {};
  ::stat(one->path().c_str(), &stat);
  EXPECT_EQ(stat.st_mode & 0777U, 0700U);
  ::stat((one->path() + "/audit.jsonl").c_str(), &stat);
  EXPECT_EQ(stat.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace assent::record
