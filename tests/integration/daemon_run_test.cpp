// Sessions and people on both sides of a real approval daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using Daemon = DaemonWorld::Daemon;

class WithDaemon : public AsEveryone {};
INSTANTIATE_TEST_SUITE_P(Users, WithDaemon, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(WithDaemon, AYesFromElsewhereLetsTheActHappenAndIsRecorded) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome = world.session("rm victim1", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_EQ(waiting[0]["object"], world.project + "/victim1");
    EXPECT_TRUE(there(world.project + "/victim1"));
    const auto said = world.assent(DaemonWorld::yes_to(waiting[0]));
    EXPECT_EQ(said.status, 0) << said.err;
  });
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_FALSE(there(world.project + "/victim1"));
  const auto log = world.assent({"log", "--json", "last"}).out;
  EXPECT_THAT(log, HasSubstr("\"by\":\"" + other_name(world.session_uid()) + "\""));
  EXPECT_THAT(log, HasSubstr("\"from\":\"assent approve"));
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
}

TEST_P(WithDaemon, ANoReachesTheAgentWithItsReason) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome = world.session("rm victim1; echo $?", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_EQ(world.assent({"deny", waiting[0]["id"], "--reason", "we need it"}).status, 0);
  });
  EXPECT_THAT(outcome.out, HasSubstr("1"));
  EXPECT_THAT(outcome.err, HasSubstr("we need it"));
  EXPECT_TRUE(there(world.project + "/victim1"));
}

TEST_P(WithDaemon, StopEndsTheAgent) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome = world.session("rm victim1; sleep 50", [&](pid_t) {
    EXPECT_EQ(world.assent({"deny", world.pending().at(0)["id"], "--stop"}).status, 0);
  });
  EXPECT_EQ(outcome.status, 125);
  EXPECT_TRUE(there(world.project + "/victim1"));
}

TEST_P(WithDaemon, ADaemonThatIsKilledMeansADenialAndANewOneIsFound) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome =
      world.session("rm victim1; rm keep/f; while [ ! -e keep/again ]; do sleep 0.05; done; rm keep/g", [&](pid_t) {
        ASSERT_EQ(world.pending().size(), 1u);
        world.stop_daemon(SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        world.start_daemon();
        EXPECT_TRUE(world.pending(world.session_uid(), false).empty()) << "what the old one knew is denied, not kept";
        put(world.project + "/keep/again", "");
        const auto waiting = world.pending();
        ASSERT_EQ(waiting.size(), 1u);
        EXPECT_EQ(world.assent(DaemonWorld::yes_to(waiting[0])).status, 0);
      });
  EXPECT_THAT(outcome.err, HasSubstr("the approval daemon went away"));
  EXPECT_TRUE(there(world.project + "/victim1"));
  EXPECT_TRUE(there(world.project + "/keep/f")) << "nobody was there to ask";
  EXPECT_FALSE(there(world.project + "/keep/g"));
}

TEST_P(WithDaemon, AQuestionIsTakenBackWhenTheSessionDies) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  std::string id;
  (void)world.session("rm victim1", [&](pid_t session) {
    id = world.pending().at(0)["id"];
    ::kill(session, SIGKILL);
  });
  EXPECT_TRUE(world.pending(world.session_uid(), false).empty());
  EXPECT_EQ(world.assent({"approve", id, "--confirm", "1"}).status, 1);
  EXPECT_TRUE(there(world.project + "/victim1"));
}

TEST_P(WithDaemon, AFreezeTakesEffectInARunningSessionAndNobodyPassesIt) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto outcome = world.session(
      "rm victim1; echo first=$?; while [ ! -e keep/go ]; do sleep 0.05; done; echo x >new; echo new=$?; mv keep "
      "../moved; echo moved=$?",
      [&](pid_t) {
        const auto waiting = world.pending();
        ASSERT_EQ(waiting.size(), 1u);
        EXPECT_EQ(world.assent({"freeze"}).status, 0);
        // The question is gone at once, and the daemon's death changes nothing.
        for (int i = 0; i < 100 && !world.pending(world.session_uid(), false).empty(); ++i)
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        EXPECT_EQ(world.assent(DaemonWorld::yes_to(waiting[0])).status, 1);
        world.stop_daemon(SIGKILL);
        world.start_daemon();
        put(world.project + "/keep/go", "");
      });
  EXPECT_THAT(outcome.out, HasSubstr("first=1"));
  EXPECT_THAT(outcome.err, HasSubstr("is frozen since"));
  EXPECT_FALSE(there(world.project + "/new")) << outcome.out << outcome.err;
  EXPECT_TRUE(there(world.project + "/victim1"));
  EXPECT_TRUE(there(world.project + "/keep/f"));

  // A new session, the most generous option there is: still frozen.
  world.run({assent_binary(), "run", "--headless", "--", "sh", "-c", "echo x >new"});
  EXPECT_FALSE(there(world.project + "/new"));
  EXPECT_EQ(world.assent({"thaw"}).status, 0);
  world.run({assent_binary(), "run", "--headless", "--", "sh", "-c", "echo x >new"});
  EXPECT_TRUE(there(world.project + "/new")) << "the control: thawed, the same act goes through";
}

TEST_P(WithDaemon, AHookIsToldOfTheQuestionAndOfNothingThatAnswersIt) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string notice = world.home + "/notice.json";
  const auto profile = world.profile(
      "", "[notify]\ncommand = [\"sh\", \"-c\", \"cat >" + notice + ".new; mv " + notice + ".new " + notice + "\"]");
  std::string id;
  (void)world.session("rm victim1",
                      [&](pid_t) {
                        id = world.pending().at(0)["id"];
                        for (int i = 0; i < 200 && !there(notice); ++i)
                          std::this_thread::sleep_for(std::chrono::milliseconds(20));
                        world.assent({"deny", id});
                      },
                      {"-p", profile});
  const Json told = Json::parse(get(notice), nullptr, false);
  ASSERT_TRUE(told.is_object()) << get(notice);
  EXPECT_EQ(told["object"], world.project + "/victim1");
  EXPECT_EQ(told["operation"], "delete");
  EXPECT_THAT(get(notice), testing::Not(HasSubstr(id)));
}

TEST_P(WithDaemon, OnlyOneDaemonServesAPlace) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto second = world.run({world.root + "/assentd", "--socket", world.socket()});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("runs there already"));
  EXPECT_EQ(world.assent({"pending"}).status, 0);
}

TEST(ServiceManager, PassesItsOwnSocketOn) {
  DaemonWorld world(Who::Self, Daemon::OfUser);
  world.stop_daemon();
  // As systemd does it: the socket is there and listens before the daemon is started for the first one who calls.
  fs::remove(world.socket());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  world.socket().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 16), 0);
  const pid_t daemon =
      world.start({"sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec " + world.root + "/assentd --socket " + world.socket()},
                  {-1, 1, 2}, [listener] { ::dup2(listener, 3); });
  ::close(listener);
  const auto outcome = world.session("rm victim1", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_EQ(world.assent(DaemonWorld::yes_to(waiting[0])).status, 0);
  });
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_FALSE(there(world.project + "/victim1"));
  ::kill(daemon, SIGTERM);
  int status = -1;
  ::waitpid(daemon, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(there(world.socket())) << "what systemd made is not ours to remove";
}

TEST(WithDaemonOfAll, TwoPeopleAllowWhatOneMayNot) {
  if (::geteuid() != 0 || everyone().size() < 2) GTEST_SKIP() << "needs root and the user tester";
  DaemonWorld world(Who::Ordinary, Daemon::OfSystem);
  const auto profile = world.profile("quorum = 2\napprovers = [\"root\", \"" + other_name(ordinary_uid()) + "\"]");
  const auto outcome = world.session("rm victim1",
                                     [&](pid_t) {
                                       const auto waiting = world.pending();
                                       ASSERT_EQ(waiting.size(), 1u);
                                       EXPECT_EQ(world.as(ordinary_uid(), DaemonWorld::yes_to(waiting[0])).status, 0);
                                       EXPECT_TRUE(there(world.project + "/victim1"));
                                       const auto seen = world.pending(0);
                                       ASSERT_EQ(seen.size(), 1u);
                                       EXPECT_EQ(seen[0]["votes"][0]["who"], other_name(ordinary_uid()));
                                       EXPECT_EQ(world.as(0, DaemonWorld::yes_to(waiting[0])).status, 0);
                                     },
                                     {"-p", profile});
  EXPECT_FALSE(there(world.project + "/victim1")) << outcome.err;
  const auto log = world.assent({"log", "--json", "last"}).out;
  EXPECT_THAT(log, HasSubstr("\"votes\":[{\"by\":"));
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
}

}  // namespace
}  // namespace assent::run_test
