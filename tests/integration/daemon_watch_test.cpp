// `assent watch` on a real terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"
#include "support/tmux.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Daemon = DaemonWorld::Daemon;

class WatchOnATerminal : public AsEveryone {
 protected:
  void SetUp() override {
    if (!Tmux::is_here()) GTEST_SKIP() << "no tmux";
  }
  static std::string watch(const DaemonWorld& world) { return world.root + "/assent watch"; }
  static void moment() { std::this_thread::sleep_for(std::chrono::milliseconds(700)); }
};
INSTANTIATE_TEST_SUITE_P(Users, WatchOnATerminal, ::testing::ValuesIn(everyone()), kEveryone);

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_P(WatchOnATerminal, AQuestionIsSeenAndAnsweredAtEverySize) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto profile = world.profile("confirm_over = 0");
  Tmux terminal(world, watch(world));
  terminal.wait_for("nothing waits");
  const auto people = [&](pid_t) {
    auto screen = terminal.wait_for("rm victim1");
    EXPECT_THAT(screen, HasSubstr("delete " + world.project + "/victim1"));
    EXPECT_THAT(screen, HasSubstr("1 question, 1 session"));
    EXPECT_THAT(screen, HasSubstr("can be undone"));
    EXPECT_THAT(screen, HasSubstr("people.toml:"));
    EXPECT_THAT(screen, HasSubstr("[o]nce"));
    for (const auto& [columns, rows] : {std::pair{120, 40}, std::pair{60, 15}, std::pair{40, 9}, std::pair{80, 24}}) {
      terminal.size(columns, rows);
      moment();
      screen = terminal.screen();
      EXPECT_THAT(screen, HasSubstr("rm victim1")) << columns << "x" << rows << "\n" << screen;
      EXPECT_THAT(screen, HasSubstr("delete")) << columns << "x" << rows << "\n" << screen;
      EXPECT_LE(lines_of(screen), static_cast<std::size_t>(rows));
    }
    terminal.key("o");
    terminal.wait_for("type 1 and Enter");
    terminal.type("1");
    moment();
    EXPECT_TRUE(there(world.project + "/victim1"));
    terminal.key("Enter");
    terminal.wait_for("allowed");
    // The next one: it is there, and is not selected by itself.
    terminal.wait_for("rm -r keep");
    moment();
    terminal.key("n");
    moment();
    EXPECT_TRUE(there(world.project + "/keep/f"));
    terminal.key("j");
    terminal.wait_for("2 files");
    moment();
    terminal.key("r");
    terminal.wait_for("no, because:");
    terminal.type("we keep it");
    moment();
    terminal.key("Enter");
    terminal.wait_for("denied");
    terminal.key("3");
    screen = terminal.wait_for("denied  delete");
    terminal.key("g");
    terminal.wait_for("allowed delete victim1");
    terminal.key("2");
    terminal.wait_for("rm victim1; rm -r keep");
  };
  const auto outcome = world.session("rm victim1; rm -r keep; echo done; sleep 2", people, {"-p", profile});
  EXPECT_THAT(outcome.err, HasSubstr("we keep it"));
  EXPECT_FALSE(there(world.project + "/victim1"));
  EXPECT_TRUE(there(world.project + "/keep/f"));
  const auto log = world.assent({"log", "--json", "last"}).out;
  EXPECT_THAT(log, HasSubstr("\"from\":\"assent watch on /dev/pts/"));
}

TEST_P(WatchOnATerminal, KeysTypedBeforeTheQuestionCameUpAnswerNothing) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto profile = world.profile("confirm_over = 0");
  Tmux terminal(world, watch(world));
  terminal.wait_for("nothing waits");
  const auto people = [&](pid_t) {
    // Stopped, so that all of it is typed ahead.
    const auto watch_pid = world.run({"pgrep", "-f", "-x", world.root + "/assent watch"}).out;
    ASSERT_FALSE(watch_pid.empty());
    const auto process = static_cast<pid_t>(std::stol(watch_pid));
    ::kill(process, SIGSTOP);
    world.pending();
    for (int i = 0; i < 5; ++i) terminal.key("o");
    terminal.type("1");
    terminal.key("Enter");
    ::kill(process, SIGCONT);
    terminal.wait_for("rm victim1");
    moment();
    EXPECT_TRUE(there(world.project + "/victim1"));
    EXPECT_THAT(terminal.screen(), Not(HasSubstr("type 1 and Enter")));
    // The control: the same keys, now.
    terminal.key("o");
    terminal.wait_for("type 1 and Enter");
    terminal.type("1");
    moment();
    terminal.key("Enter");
    terminal.wait_for("allowed");
  };
  (void)world.session("rm victim1", people, {"-p", profile});
  EXPECT_FALSE(there(world.project + "/victim1"));
}

TEST_P(WatchOnATerminal, ADaemonThatGoesAndComesIsToldAndFoundAgain) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  world.stop_daemon();
  Tmux terminal(world, watch(world));
  const auto screen = terminal.wait_for("NO APPROVAL DAEMON");
  EXPECT_THAT(screen, HasSubstr("start assentd"));
  world.start_daemon();
  terminal.wait_for("nothing waits");
  world.stop_daemon(SIGKILL);
  terminal.wait_for("NO APPROVAL DAEMON");
  world.start_daemon();
  terminal.wait_for("nothing waits");
  (void)world.session("rm victim1", [&](pid_t) {
    terminal.wait_for("rm victim1");
    moment();
    terminal.key("n");
    terminal.wait_for("denied");
  });
}

TEST_P(WatchOnATerminal, ItLeavesTheTerminalAsItWas) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string modes = world.root + "/run/modes";
  for (const std::string how : {"q", "TERM", "HUP"}) {
    fs::remove(modes);
    Tmux terminal(world,
                  "echo before; stty -a >" + modes + ".0; " + watch(world) + "; stty -a >" + modes + "; echo left $?");
    terminal.wait_for("nothing waits");
    if (how == "q") {
      terminal.key("q");
    } else {
      const auto pid = world.run({"pgrep", "-f", "-x", world.root + "/assent watch"}).out;
      ASSERT_FALSE(pid.empty());
      ::kill(static_cast<pid_t>(std::stol(pid)), how == "TERM" ? SIGTERM : SIGHUP);
    }
    const auto screen = terminal.wait_for("left 0");
    EXPECT_THAT(screen, HasSubstr("before")) << "the other screen is back";
    EXPECT_EQ(get(modes), get(modes + ".0")) << how;
  }
}

TEST_P(WatchOnATerminal, NamesThatDrawAndAnswerAreOnlyNames) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string evil = world.project +
                           "/a\x1b[2J\x1b[5n\x1b[6n\ro\r1\r\xe2\x80\xae"
                           "b\xff";
  put(evil, "here before\n");
  world.give();
  Tmux terminal(world, watch(world));
  terminal.wait_for("nothing waits");
  (void)world.session("rm a*", [&](pid_t) {
    terminal.wait_for("\\x1b[2J");
    moment();
    const auto screen = terminal.screen();
    EXPECT_THAT(screen, HasSubstr("assent watch"));
    EXPECT_THAT(screen, HasSubstr("[q]uit"));
    EXPECT_TRUE(there(evil));
    terminal.key("n");
    terminal.wait_for("denied");
  });
  EXPECT_TRUE(there(evil));
}

TEST_P(WatchOnATerminal, WithoutColourThereIsNone) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  world.stop_daemon();
  for (const bool colour : {true, false}) {
    Tmux terminal(world, std::string(colour ? "" : "NO_COLOR=1 ") + watch(world));
    terminal.wait_for("NO APPROVAL DAEMON");
    const auto screen = terminal.screen_with_colours();
    EXPECT_EQ(screen.find("\x1b[31m") != std::string::npos || screen.find(";31m") != std::string::npos, colour);
  }
}

TEST(Watch, NeedsATerminal) {
  World world;
  const auto outcome = world.assent({"watch"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("needs a terminal"));
}

}  // namespace
}  // namespace assent::run_test
