#include "approve/terminal_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <thread>

#include "unit/approve_terminal_fixture.h"

namespace assent::approve {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class TerminalRelayTest : public testing::Test {
 protected:
  void start() { start({terminal.slave.get(), terminal.slave.get(), terminal.slave.get()}); }
  void start(TerminalStreams streams) {
    auto made = TerminalRelay::create(loop, streams);
    ASSERT_TRUE(made) << made.error().what;
    relay = std::move(*made);
    ASSERT_TRUE(relay->start());
  }
  bool until(const std::function<bool()>& done) { return run_until(loop, terminal, done); }
  bool until_shown(std::string_view text) {
    return until([&] { return terminal.screen.find(text) != std::string::npos; });
  }
  TerminalRelay::Takeover takeover() {
    return {[this] { ++ready; }, [this](std::string_view keys) { stolen += keys; }, [this] { ++resized; },
            [this] { ++gone; }};
  }

  EventLoop loop = std::move(EventLoop::create().value());
  FakeTerminal terminal;
  std::unique_ptr<TerminalRelay> relay;
  int ready = 0;
  int resized = 0;
  int gone = 0;
  std::string stolen;
};

TEST_F(TerminalRelayTest, CarriesBytesBothWays) {
  start();
  print(relay->slave(), "hello\n");
  EXPECT_TRUE(until_shown("hello\r\n"));
  terminal.type("typed\r");
  std::string got;
  EXPECT_TRUE(until([&] { return !(got += read_now(relay->slave())).empty(); }));
  EXPECT_EQ(got, "typed\n");
  EXPECT_TRUE(until_shown("typed"));  // the echo is the inner terminal's
}

TEST_F(TerminalRelayTest, TheTerminalIsRawWhileItRunsAndAsBeforeAfterwards) {
  EXPECT_FALSE(terminal.raw());
  start();
  EXPECT_TRUE(terminal.raw());
  relay->finish();
  EXPECT_FALSE(terminal.raw());
}

TEST_F(TerminalRelayTest, DestructionRestoresTheTerminalAndTheSignalMask) {
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
  start();
  relay.reset();
  EXPECT_FALSE(terminal.raw());
  sigset_t after;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &after);
  EXPECT_EQ(::sigismember(&after, SIGWINCH), ::sigismember(&before, SIGWINCH));
  EXPECT_EQ(::sigismember(&after, SIGHUP), ::sigismember(&before, SIGHUP));
}

TEST_F(TerminalRelayTest, OnlyTerminalsBecomeTheAgentsTerminal) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  start({reading.get(), terminal.slave.get(), writing.get()});
  EXPECT_EQ(relay->agent_stdio(), (std::array<int, 3>{reading.get(), relay->slave(), writing.get()}));
}

TEST_F(TerminalRelayTest, TheAgentStartsWithTheModesAndTheSizeOfTheTerminal) {
  termios modes{};
  ::tcgetattr(terminal.slave.get(), &modes);
  modes.c_cc[VINTR] = 7;
  ::tcsetattr(terminal.slave.get(), TCSANOW, &modes);
  terminal.resize(33, 99);
  start();
  termios inner{};
  ASSERT_EQ(::tcgetattr(relay->slave(), &inner), 0);
  EXPECT_EQ(inner.c_cc[VINTR], 7);
  EXPECT_NE(inner.c_lflag & ICANON, 0U);
  winsize size{};
  ::ioctl(relay->slave(), TIOCGWINSZ, &size);
  EXPECT_EQ(size.ws_row, 33);
  EXPECT_EQ(size.ws_col, 99);
}

TEST_F(TerminalRelayTest, AResizeIsPassedOn) {
  start();
  terminal.resize(50, 132);
  ::kill(::getpid(), SIGWINCH);
  EXPECT_TRUE(until([&] {
    winsize size{};
    ::ioctl(relay->slave(), TIOCGWINSZ, &size);
    return size.ws_row == 50 && size.ws_col == 132;
  }));
}

TEST_F(TerminalRelayTest, LastOutputIsNotLost) {
  start();
  std::string expected;
  std::jthread agent([&, fd = ::dup(relay->slave())] {
    for (int i = 0; i < 20000; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      for (std::string_view rest = line; !rest.empty();) {
        const ssize_t n = ::write(fd, rest.data(), rest.size());
        if (n < 0) break;
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    ::close(fd);
  });
  std::jthread human([&, stop = false]() mutable {
    pollfd wait{terminal.master.get(), POLLIN, 0};
    while (::poll(&wait, 1, 1000) > 0 && terminal.screen.find("line 19999\r\n") == std::string::npos) {
      char bytes[4096];
      const ssize_t n = ::read(terminal.master.get(), bytes, sizeof bytes);
      if (n > 0) terminal.screen.append(bytes, static_cast<std::size_t>(n));
    }
  });
  relay->finish();  // at once, while the agent still prints into a terminal that is slower
  human.join();
  for (int i = 0; i < 20000; ++i) expected += "line " + std::to_string(i) + "\r\n";
  EXPECT_EQ(terminal.screen.size(), expected.size());
  EXPECT_EQ(terminal.screen, expected);
}

TEST_F(TerminalRelayTest, ATerminalThatTakesNothingHoldsTheAgentNotTheSupervisor) {
  start();
  ::fcntl(relay->slave(), F_SETFL, O_NONBLOCK);
  const std::string block(4096, 'x');
  std::size_t written = 0;
  // Nobody reads the outer master: buffers fill, and then the agent's writes would block.
  for (int round = 0; round < 400; ++round) {
    const ssize_t n = ::write(relay->slave(), block.data(), block.size());
    if (n > 0) written += static_cast<std::size_t>(n);
    ASSERT_TRUE(loop.run_once(0ns));
  }
  EXPECT_LT(written, 400U * 1024);
  EXPECT_TRUE(until([&] { return terminal.screen.size() >= written; }));
}

TEST_F(TerminalRelayTest, AnAgentThatDoesNotReadCanStillBeInterrupted) {
  start();
  const pid_t agent = start_agent(relay->slave());
  std::this_thread::sleep_for(50ms);
  const std::string flood(1000, 'z');
  for (int i = 0; i < 30; ++i) {
    terminal.type(flood);
    run_for(loop, terminal, 5ms);
  }
  terminal.type("\x03");
  run_for(loop, terminal, 100ms);
  EXPECT_EQ(signal_that_ended(agent), SIGINT);
}

TEST_F(TerminalRelayTest, WhileItIsTakenOutputStandsAndKeysDoNotReachTheAgent) {
  start();
  print(relay->slave(), "before ");
  relay->take_over(takeover());
  ASSERT_TRUE(until([&] { return ready == 1; }));
  EXPECT_THAT(terminal.screen, testing::Not(HasSubstr("after")));
  print(relay->slave(), "after ");
  terminal.type("secret\r");
  ASSERT_TRUE(until([&] { return stolen == "secret\r"; }));
  run_for(loop, terminal, 50ms);
  EXPECT_THAT(terminal.screen, testing::Not(HasSubstr("after")));
  EXPECT_EQ(read_now(relay->slave()), "");
  relay->hand_back();
  EXPECT_TRUE(until_shown("after "));
  terminal.type("mine\r");
  std::string got;
  EXPECT_TRUE(until([&] { return !(got += read_now(relay->slave())).empty(); }));
  EXPECT_EQ(got, "mine\n");
}

TEST_F(TerminalRelayTest, ItIsTakenOverBetweenSequencesNotInOne) {
  start();
  print(relay->slave(), "\x1b[3");
  run_for(loop, terminal, 20ms);
  relay->take_over(takeover());
  ASSERT_TRUE(loop.run_once(1ms));
  EXPECT_EQ(ready, 0);
  print(relay->slave(), "1mred");
  ASSERT_TRUE(until([&] { return ready == 1; }));
  EXPECT_THAT(terminal.screen, HasSubstr("\x1b[31mred"));
}

TEST_F(TerminalRelayTest, ASequenceLeftOpenDoesNotKeepTheQuestionAway) {
  start();
  print(relay->slave(), "\x1b]0;never ended");
  run_for(loop, terminal, 20ms);
  relay->take_over(takeover());
  ASSERT_TRUE(until([&] { return ready == 1; }));
  EXPECT_TRUE(until_shown("\x18\x1b\\\x1b[?1049h"));
}

TEST_F(TerminalRelayTest, KeysTypedBeforeTheAgentReadThemAreNotLostByATakeover) {
  start();
  terminal.type("early\r");
  std::string got;
  until([&] { return !(got += read_now(relay->slave())).empty(); });
  relay->take_over(takeover());
  ASSERT_TRUE(until([&] { return ready == 1; }));
  EXPECT_EQ(got, "early\n");
  EXPECT_EQ(stolen, "");
}

TEST_F(TerminalRelayTest, AFullScreenProgramIsMadeToDrawAgain) {
  start();
  print(relay->slave(), "\x1b[?1049h\x1b[2Jfull screen");
  ASSERT_TRUE(until_shown("full screen"));
  relay->take_over(takeover());
  ASSERT_TRUE(until([&] { return ready == 1; }));
  relay->hand_back();
  winsize size{};
  ::ioctl(relay->slave(), TIOCGWINSZ, &size);
  EXPECT_EQ(size.ws_row, 23);
  EXPECT_TRUE(until([&] {
    ::ioctl(relay->slave(), TIOCGWINSZ, &size);
    return size.ws_row == 24;
  }));
}

TEST_F(TerminalRelayTest, AResizeDuringAQuestionIsTold) {
  start();
  relay->take_over(takeover());
  ASSERT_TRUE(until([&] { return ready == 1; }));
  terminal.resize(10, 40);
  ::kill(::getpid(), SIGWINCH);
  EXPECT_TRUE(until([&] { return resized == 1; }));
}

TEST_F(TerminalRelayTest, WhenTheTerminalGoesTheAgentIsHungUpAndTheTakerTold) {
  start();
  bool told = false;
  relay->on_gone([&] { told = true; });
  const pid_t agent = start_agent(relay->slave());
  std::this_thread::sleep_for(50ms);
  relay->take_over(takeover());
  ASSERT_TRUE(until([&] { return ready == 1; }));
  terminal.master.reset();
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (gone == 0 && std::chrono::steady_clock::now() < end) ASSERT_TRUE(loop.run_once(10ms));
  EXPECT_EQ(gone, 1);
  EXPECT_TRUE(told);
  EXPECT_TRUE(relay->gone());
  EXPECT_EQ(signal_that_ended(agent), SIGHUP);
}

TEST_F(TerminalRelayTest, AHangUpSignalIsTheLossOfTheTerminal) {
  start();
  ::kill(::getpid(), SIGHUP);
  EXPECT_TRUE(until([&] { return relay->gone(); }));
}

TEST_F(TerminalRelayTest, WhoeverWaitsForTheAgentDoesNotMeetTheGuard) {
  start();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(TerminalRelayTest, InAPipelineTheTerminalStaysThePagersAsLongAsItUsesIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  termios pager{};
  start({terminal.slave.get(), writing.get(), terminal.slave.get()});
  ::tcgetattr(terminal.slave.get(), &pager);
  termios before = pager;
  pager.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(terminal.slave.get(), TCSANOW, &pager);
  run_for(loop, terminal, 700ms);
  EXPECT_FALSE(terminal.raw());
  terminal.type("q");
  run_for(loop, terminal, 300ms);
  EXPECT_EQ(read_now(terminal.slave.get()), "q");  // the pager's, not ours
  ::tcsetattr(terminal.slave.get(), TCSANOW, &before);
  EXPECT_TRUE(until([&] { return terminal.raw(); }));
}

TEST(TerminalGuard, RestoresTheTerminalWhenAssentIsKilled) {
  FakeTerminal terminal;
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto loop = EventLoop::create();
    const int fd = terminal.slave.get();
    auto relay = TerminalRelay::create(*loop, {fd, fd, fd});
    if (!relay || !(*relay)->start()) ::_exit(1);
    for (;;) ::pause();
  }
  const auto wait_for = [&](bool raw) {
    for (int i = 0; i < 300 && terminal.raw() != raw; ++i) std::this_thread::sleep_for(10ms);
    return terminal.raw() == raw;
  };
  EXPECT_TRUE(wait_for(true));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(wait_for(false));
}

TEST(TerminalRelay, WithoutATerminalThereIsNone) {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();  // no controlling terminal either
    auto loop = EventLoop::create();
    auto relay = TerminalRelay::create(*loop, {null.get(), null.get(), null.get()});
    ::_exit(relay ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace assent::approve
