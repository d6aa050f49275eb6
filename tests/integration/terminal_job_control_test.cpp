// The relay under a shell's job control: the test is the shell, a forked child is the session leader of a terminal, and
// its own child runs the agent.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>

#include <thread>

#include "integration/terminal_demo.h"

namespace assent::approve {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Plays bash with job control on a terminal of its own; speaks to the test through pipes.
class JobControl : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    log_reading.reset(ends[0]);
    log_writing.reset(ends[1]);
    int fd = -1;
    winsize size{24, 80, 0, 0};
    shell = ::forkpty(&fd, nullptr, nullptr, &size);
    if (shell == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      be_a_shell();
    }
    terminal.reset(fd);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  void TearDown() override {
    terminal.reset();
    ::kill(shell, SIGKILL);
    ::waitpid(shell, nullptr, 0);
  }

  // Starts the job in the foreground; when it stops, waits for a line "fg" and continues it.
  [[noreturn]] void be_a_shell() const {
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t job = ::fork();
    if (job == 0) {
      ::setpgid(0, 0);
      ::tcsetpgrp(0, ::getpid());
      ::signal(SIGTTOU, SIG_DFL);
      ::_exit(run_terminal_demo(agent_command(), log_writing.get()));
    }
    ::setpgid(job, job);
    ::tcsetpgrp(0, job);
    termios mine{};
    ::tcgetattr(0, &mine);
    for (;;) {
      int status = 0;
      if (::waitpid(job, &status, WUNTRACED) != job) ::_exit(1);
      ::tcsetpgrp(0, ::getpgrp());
      termios now{};
      ::tcgetattr(0, &now);
      const bool cooked = (now.c_lflag & ICANON) != 0;
      if (!WIFSTOPPED(status)) {
        ::dprintf(log_writing.get(), "job ended %d %s\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                  cooked ? "cooked" : "raw");
        for (;;) ::pause();
      }
      ::dprintf(log_writing.get(), "job stopped %s\n", cooked ? "cooked" : "raw");
      char line[64];
      if (::read(0, line, sizeof line) <= 0) ::_exit(1);
      ::tcsetpgrp(0, job);
      ::kill(-job, SIGCONT);
    }
  }

  static std::vector<std::string> agent_command() {
    return {"sh", "-c", "echo ready; read a; echo got $a; sleep 0.1; kill -USR1 $DEMO; read b; echo then $b; exit 3"};
  }

  void pump() {
    char bytes[4096];
    for (ssize_t n; (n = ::read(terminal.get(), bytes, sizeof bytes)) > 0;)
      screen.append(bytes, static_cast<std::size_t>(n));
    for (ssize_t n; (n = ::read(log_reading.get(), bytes, sizeof bytes)) > 0;)
      log.append(bytes, static_cast<std::size_t>(n));
  }
  bool until(const std::string& where, std::string_view what) {
    for (int i = 0; i < 600; ++i) {
      pump();
      if (where.find(what) != std::string::npos) return true;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "no \"" << what << "\" in: " << where;
    return false;
  }
  void type(std::string_view keys) const {
    EXPECT_EQ(::write(terminal.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  UniqueFd log_reading;
  UniqueFd log_writing;
  UniqueFd terminal;
  pid_t shell = -1;
  std::string screen;
  std::string log;
};

TEST_F(JobControl, AWholeSessionWithAQuestion) {
  ASSERT_TRUE(until(screen, "ready"));
  type("one\r");
  ASSERT_TRUE(until(screen, "got one"));
  ASSERT_TRUE(until(screen, "rm -rf tests/ patches/ plan/ '~/'"));
  std::this_thread::sleep_for(1500ms);  // this terminal answers no cursor report
  pump();
  type("o");
  ASSERT_TRUE(until(log, "answer yes once"));
  type("two\r");
  ASSERT_TRUE(until(screen, "then two"));
  ASSERT_TRUE(until(log, "job ended 3 cooked"));
}

TEST_F(JobControl, CtrlZStopsTheJobAndFgContinuesIt) {
  ASSERT_TRUE(until(screen, "ready"));
  type("\x1a");
  ASSERT_TRUE(until(log, "job stopped cooked"));
  type("fg\n");
  ASSERT_TRUE(until(log, "continued"));
  type("one\r");
  ASSERT_TRUE(until(screen, "got one"));
}

TEST_F(JobControl, CtrlZAtAQuestionStopsTheJobAndTheQuestionComesBack) {
  ASSERT_TRUE(until(screen, "ready"));
  type("one\r");
  ASSERT_TRUE(until(screen, "rm -rf tests/"));
  std::this_thread::sleep_for(1500ms);
  type("\x1a");
  ASSERT_TRUE(until(log, "job stopped cooked"));
  pump();
  screen.clear();
  type("fg\n");
  ASSERT_TRUE(until(screen, "rm -rf tests/"));
  std::this_thread::sleep_for(1500ms);
  type("n");
  ASSERT_TRUE(until(log, "answer no command"));
}

TEST_F(JobControl, CtrlCInterruptsTheAgentNotTheSupervisor) {
  ASSERT_TRUE(until(screen, "ready"));
  type("\x03");
  ASSERT_TRUE(until(log, "job ended 130 cooked"));
}

}  // namespace
}  // namespace assent::approve
