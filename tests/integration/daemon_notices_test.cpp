// [notify]: people are told that a question waits, and nothing they are told could answer it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Daemon = DaemonWorld::Daemon;

class Notified : public AsEveryone {
 protected:
  // Ends with the test.
  struct Helper {
    pid_t pid;
    explicit Helper(pid_t of) : pid(of) {}
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;
    ~Helper() {
      ::kill(pid, SIGTERM);
      ::waitpid(pid, nullptr, 0);
    }
  };
  static bool wait_for(const std::string& path) {
    for (int i = 0; i < 300 && !there(path); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return there(path);
  }
  // Asks, waits until `told` is there, says no. The question's id.
  static std::string ask(DaemonWorld& world, const std::string& notify, const std::string& told,
                         const std::string& script = "rm victim1") {
    const auto profile = world.profile("", "[notify]\n" + notify + "\n");
    std::string id;
    (void)world.session(script,
                        [&](pid_t) {
                          const auto waiting = world.pending();
                          if (waiting.empty()) return;
                          id = waiting[0]["id"];
                          wait_for(told);
                          world.assent({"deny", id});
                        },
                        {"-p", profile});
    return id;
  }
};
INSTANTIATE_TEST_SUITE_P(Users, Notified, ::testing::ValuesIn(everyone()), kEveryone);

constexpr const char* kReceiver =
    "import http.server,os,sys\n"
    "class R(http.server.BaseHTTPRequestHandler):\n"
    "  def do_POST(self):\n"
    "    body=self.rfile.read(int(self.headers['Content-Length']))\n"
    "    open(sys.argv[1]+'.head','w').write(self.path+'\\n'+str(self.headers))\n"
    "    open(sys.argv[1]+'.new','wb').write(body); os.rename(sys.argv[1]+'.new',sys.argv[1])\n"
    "    self.send_response(200); self.end_headers()\n"
    "  def log_message(self,*a): pass\n"
    "s=http.server.HTTPServer(('127.0.0.1',0),R)\n"
    "open(sys.argv[1]+'.p','w').write(str(s.server_port)); os.rename(sys.argv[1]+'.p',sys.argv[1]+'.port')\n"
    "s.serve_forever()\n";

TEST_P(Notified, AWebhookGetsTheQuestionAndNothingThatAnswersIt) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string told = world.root + "/run/told", evil = world.project + "/a\"}\\ @\n{b";
  put(evil, "here before\n");
  put(world.home + "/.curlrc", "url = \"http://127.0.0.1:1/\"\noutput = \"" + world.root + "/run/stolen\"\n");
  world.give();
  const Helper server(world.start({"python3", "-c", kReceiver, told}, {-1, 1, 2}));
  ASSERT_TRUE(wait_for(told + ".port"));
  const auto id = ask(world, "url = \"http://127.0.0.1:" + get(told + ".port") + "/hook?token=s3cret\"", told, "rm a*");
  const auto body = Json::parse(get(told), nullptr, false);
  ASSERT_TRUE(body.is_object()) << get(told);
  EXPECT_EQ(body["operation"], "delete");
  EXPECT_THAT(body["object"].get<std::string>(), HasSubstr("a\"}"));
  EXPECT_THAT(body["object"].get<std::string>(), HasSubstr("\\n"));
  EXPECT_THAT(get(told), Not(HasSubstr(id)));
  EXPECT_THAT(get(told + ".head"), HasSubstr("/hook?token=s3cret"));
  EXPECT_THAT(get(told + ".head"), HasSubstr("application/json"));
  EXPECT_FALSE(there(world.root + "/run/stolen")) << "no file of the user's has a say";
}

TEST_P(Notified, TheDesktopShowsIt) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  if (world.shell("command -v dbus-daemon && command -v notify-send").status != 0)
    GTEST_SKIP() << "no dbus-daemon or no notify-send";
  const std::string told = world.root + "/run/told", bus = world.root + "/run/bus";
  const Helper daemon(world.start({"dbus-daemon", "--session", "--nofork", "--address=unix:path=" + bus}, {-1, 1, 2}));
  ASSERT_TRUE(wait_for(bus));
  world.extra_environment.push_back("DBUS_SESSION_BUS_ADDRESS=unix:path=" + bus);
  const Helper desktop(world.start(
      {"python3", std::string(ASSENT_SOURCE_DIR) + "/tests/support/notification_service.py", told}, {-1, -1, 2}));
  ASSERT_TRUE(wait_for(told + ".ready"));
  const std::string evil = world.project + "/a<b>&\x1b[2J";
  put(evil, "here before\n");
  world.give();
  const auto id = ask(world, "desktop = true", told, "rm a*");
  EXPECT_THAT(get(told), HasSubstr("assent: a question waits"));
  EXPECT_THAT(get(told), HasSubstr("a&lt;b&gt;&amp;\\x1b[2J"));
  EXPECT_THAT(get(told), Not(HasSubstr(id)));
}

TEST_P(Notified, AReceiverThatIsNotThereHoldsNobodyUp) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const auto begin = std::chrono::steady_clock::now();
  const auto profile =
      world.profile("", "[notify]\ndesktop = true\nurl = \"http://127.0.0.1:1/\"\ncommand = [\"/nowhere/program\"]\n");
  const auto outcome = world.session("rm victim1",
                                     [&](pid_t) {
                                       world.assent({"deny", world.pending().at(0)["id"]});
                                     },
                                     {"-p", profile});
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << "it waited for the receiver";
}

TEST(NotifyUrl, IsReadThrough) {
  World world;
  for (const std::string url : {"ftp://x/", "file:///etc/passwd", "https://x/ y", "https://x/\\\"\\noutput = \\\"/x"}) {
    put(world.home + "/n.toml",
        "version = 1\nname = \"n\"\nextends = [\"default\"]\n[notify]\nurl = \"" + url + "\"\n");
    const auto said = world.assent({"profile", "lint", world.home + "/n.toml"});
    EXPECT_EQ(said.status, 1) << url;
    EXPECT_THAT(said.out + said.err, HasSubstr("url must begin")) << url;
  }
}

}  // namespace
}  // namespace assent::run_test
