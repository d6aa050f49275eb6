// The verbs that read the record, on a state folder of their own.
#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/verbs.h"
#include "record/session_dir.h"
#include "unit/record_fixture.h"

namespace assent::cli {
namespace {

using namespace record;

class CliRecord : public ::testing::Test {
 protected:
  CliRecord() {
    ::setenv("XDG_STATE_HOME", home_.path().c_str(), 1);
    auto log = AuditLog::create(home_.path() + "/assent", some_session());
    EXPECT_TRUE(log);
    session_ = (*log)->session();
    auto parent = std::make_shared<Process>(*some_process(1));
    parent->argv = {"bash", "-c", "x"};
    auto child = std::make_shared<Process>(*some_process(2));
    child->parent = 1;
    perform(**log, SomeAct("/home/u/project/good.c", Verdict::Allow, parent));
    const SomeAct bad("/home/u/project/b\x1b[31m\n\xff", Verdict::Deny, child);
    EXPECT_TRUE((*log)->denied(bad.act(), EPERM));
    EXPECT_TRUE((*log)->exit(2, 0x300));
    EXPECT_TRUE((*log)->exit(1, std::nullopt));
    EXPECT_TRUE((*log)->close({}));
  }
  ~CliRecord() override { ::unsetenv("XDG_STATE_HOME"); }

  struct Ran {
    int status = 0;
    std::string out;
    std::string err;
  };
  static Ran run(int (*verb)(Arguments), const std::vector<std::string>& arguments) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Ran ran;
    ran.status = verb(arguments);
    std::fflush(stdout);
    ran.out = ::testing::internal::GetCapturedStdout();
    ran.err = ::testing::internal::GetCapturedStderr();
    return ran;
  }
  static bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  TempDir home_;
  std::string session_;
};

TEST_F(CliRecord, SessionsListsThem) {
  const auto table = run(sessions_main, {});
  EXPECT_EQ(table.status, 0);
  EXPECT_TRUE(holds(table.out, session_));
  EXPECT_TRUE(holds(table.out, "ended"));
  const auto json = run(sessions_main, {"--json"});
  const auto record = parse_record(json.out.substr(0, json.out.find('\n')));
  ASSERT_TRUE(record);
  EXPECT_EQ(number_of(*record, "denied"), 1U);
  EXPECT_EQ(number_of(*record, "allowed"), 1U);
}

TEST_F(CliRecord, LogShowsActsSafely) {
  const auto log = run(log_main, {});
  EXPECT_EQ(log.status, 0) << log.err;
  EXPECT_TRUE(holds(log.out, "allowed delete good.c"));
  EXPECT_TRUE(holds(log.out, "denied  delete b\\x1b[31m\\n\\xff"));
  EXPECT_FALSE(holds(log.out, "\x1b"));
  const auto denied = run(log_main, {session_.substr(0, 8), "--denied"});
  EXPECT_FALSE(holds(denied.out, "good.c"));
  EXPECT_TRUE(holds(denied.out, "rm[4002]"));
  const auto path = run(log_main, {"--path", "/home/u/project/good.c"});
  EXPECT_EQ(std::count(path.out.begin(), path.out.end(), '\n'), 1);
  EXPECT_EQ(run(log_main, {"--since", "2099-01-01"}).out, "");
  for (const auto& bad : std::vector<std::vector<std::string>>{{"--nope"}, {"a", "b"}, {"--since", "never"}}) {
    EXPECT_EQ(run(log_main, bad).status, 2);
  }
  EXPECT_EQ(run(log_main, {"nope"}).status, 125);
}

TEST_F(CliRecord, HowAProcessEndedIsSaidOnlyWhereTheKernelTold) {
  const auto log = run(log_main, {});
  EXPECT_TRUE(holds(log.out, "exit    rm[4002] with 3\n")) << log.out;
  EXPECT_TRUE(holds(log.out, "exit    bash[4001]\n") || holds(log.out, "exit    rm[4001]\n")) << log.out;
}

TEST_F(CliRecord, LogJsonIsTheRecordsThemselves) {
  const auto log = run(log_main, {"--json"});
  EXPECT_EQ(log.out, slurp(session_path(home_.path() + "/assent", session_) + "/audit.jsonl"));
}

TEST_F(CliRecord, LogFollowsUntilTheEnd) {
  const auto state = home_.path() + "/assent";
  auto log = AuditLog::create(state, some_session());
  ASSERT_TRUE(log);
  std::jthread writer([&] {
    for (int i = 0; i < 5; ++i) {
      perform(**log, SomeAct("/f" + std::to_string(i)));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE((*log)->close({}));
  });
  const auto ran = run(log_main, {(*log)->session(), "-f"});
  EXPECT_TRUE(holds(ran.out, "delete /f0"));
  EXPECT_TRUE(holds(ran.out, "delete /f4"));
  EXPECT_TRUE(holds(ran.out, "end     exit"));
}

TEST_F(CliRecord, ShowPrintsOneRecordWithItsProcessAndWhatStartedIt) {
  const auto shown = run(show_main, {session_ + ":5"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_TRUE(holds(shown.out, "path: /home/u/project/b\\x1b[31m\\n\\xff"));
  EXPECT_TRUE(holds(shown.out, "process 2 (pid 4002)"));
  EXPECT_TRUE(holds(shown.out, "started by 1 (pid 4001)"));
  EXPECT_TRUE(holds(run(show_main, {"5"}).out, "EPERM"));
  EXPECT_TRUE(holds(run(show_main, {"last"}).out, "kind: begin"));
  const auto json = parse_record(run(show_main, {"5", "--json"}).out);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["processes"].size(), 2U);
  EXPECT_EQ(run(show_main, {"99"}).status, 1);
  EXPECT_EQ(run(show_main, {}).status, 2);
}

TEST_F(CliRecord, VerifyNamesTheFirstBadLine) {
  EXPECT_EQ(run(verify_main, {}).status, 0);
  const auto file = session_path(home_.path() + "/assent", session_) + "/audit.jsonl";
  auto text = slurp(file);
  text.replace(text.find("good.c"), 6, "evil.c");
  spill(file, text);
  const auto broken = run(verify_main, {session_});
  EXPECT_EQ(broken.status, 1);
  EXPECT_TRUE(holds(broken.out, "BROKEN line 3 changed")) << broken.out;
  EXPECT_TRUE(holds(run(verify_main, {"--json"}).out, "\"sound\":false,\"line\":3,\"damage\":\"changed\""));
  std::filesystem::remove_all(session_path(home_.path() + "/assent", session_));
  EXPECT_TRUE(holds(run(verify_main, {}).out, "missing"));
  EXPECT_EQ(run(verify_main, {session_}).status, 1);
}

}  // namespace
}  // namespace assent::cli
