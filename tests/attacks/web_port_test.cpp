// The agent and the web page of the approval daemon: its port is not there for it, and where a rule lets it through,
// nothing there answers somebody who was not let in. Beside each a control in which the same words do count.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Daemon = DaemonWorld::Daemon;

class WebPort : public AsEveryone {
 protected:
  // A daemon with a page, a way into it and its port.
  void open(DaemonWorld& world) {
    world.stop_daemon();
    world.daemon_options = {"--web", "0"};
    world.start_daemon();
    url = world.assent({"web"}).out;
    const auto from = url.find(":", 5) + 1;
    port = url.substr(from, url.find('/', from) - from);
    token = url.substr(url.find('#') + 1);
    while (!token.empty() && token.back() == '\n') token.pop_back();
  }
  // Logs in with the token that it is given and answers, as the page does; what was said stands on its output.
  [[nodiscard]] std::string attack(const std::string& token_given, const std::string& question) const {
    const std::string talk = "say() { exec 3<>/dev/tcp/127.0.0.1/" + port +
                             " || { echo unreachable; return; }; printf '%s' \"$1\" >&3; cat <&3; exec 3>&-; }\n";
    const std::string common = "Host: 127.0.0.1:" + port + "\\r\\nOrigin: http://127.0.0.1:" + port +
                               "\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\n";
    const std::string login = R"({"token":")" + token_given + R"("})";
    const std::string answer =
        R"({"id":")" + question + R"(","consent":"yes","scope":"once","reason":"","confirm":""})";
    const auto post = [&](const std::string& path, const std::string& more, const std::string& body) {
      return "say \"$(printf 'POST " + path + " HTTP/1.1\\r\\n" + common +
             "Content-Length: " + std::to_string(body.size()) + "\\r\\n" + more + "\\r\\n%s' '" + body + "')\"";
    };
    return talk + "in=$(" + post("/api/login", "", login) + "); echo \"login: $in\"; " +
           "cookie=$(echo \"$in\" | sed -n 's/^Set-Cookie: \\([^;]*\\);.*/\\1/p'); " +
           "key=$(echo \"$in\" | sed -n 's/.*\"key\":\"\\([^\"]*\\)\".*/\\1/p'); " + "echo \"answer: $(" +
           post("/api/answer", "Cookie: '\"$cookie\"'\\r\\nX-Assent-Key: '\"$key\"'\\r\\n", answer) + ")\"\n";
  }

  std::string url, port, token;
};
INSTANTIATE_TEST_SUITE_P(Users, WebPort, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(WebPort, TheAgentDoesNotReachThePortEvenWithATokenInItsHands) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  open(world);
  // The question's name is not known inside; a file tells it, as if it had leaked too.
  put(world.project + "/attack", "");
  world.give();
  const auto outcome = world.session(
      "bash -c 'while [ ! -s keep/script ]; do sleep 0.05; done; . ./keep/script' & rm victim1; wait", [&](pid_t) {
        const auto waiting = world.pending();
        ASSERT_EQ(waiting.size(), 1u);
        put(world.project + "/keep/script", attack(token, waiting[0]["id"]));
        for (int i = 0; i < 40; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        EXPECT_TRUE(there(world.project + "/victim1"));
        const auto outside = world.run({"bash", world.project + "/keep/script"});
        EXPECT_THAT(outside.out, HasSubstr("\"missing\":0")) << "the control: the same words, outside";
      });
  EXPECT_THAT(outcome.out, HasSubstr("unreachable")) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, Not(HasSubstr("\"key\"")));
}

TEST_P(WebPort, WhereARuleLetsTheAgentThroughItStillCannotAnswer) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  open(world);
  const auto profile = world.profile("", "\n[[net]]\nhosts = [\"127.0.0.1:" + port + "\"]\naction = \"allow\"\n");
  const auto outcome =
      world.session("bash -c 'while [ ! -s keep/script ]; do sleep 0.05; done; . ./keep/script' & rm victim1; wait",
                    [&](pid_t) {
                      const auto waiting = world.pending();
                      ASSERT_EQ(waiting.size(), 1u);
                      put(world.project + "/keep/script", attack("no-token-was-given-to-it", waiting[0]["id"]));
                      for (int i = 0; i < 40; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
                      EXPECT_TRUE(there(world.project + "/victim1"));
                      EXPECT_EQ(world.assent(DaemonWorld::yes_to(waiting[0])).status, 0) << "the control: a human";
                    },
                    {"-p", profile});
  EXPECT_THAT(outcome.out, HasSubstr("login: HTTP/1.1 401")) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("answer: HTTP/1.1 401"));
  EXPECT_FALSE(there(world.project + "/victim1"));
}

TEST_P(WebPort, AWayInIsNotGivenInside) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  open(world);
  fs::copy_file(world.root + "/assent", world.project + "/assent");
  ::chmod((world.project + "/assent").c_str(), 0755);
  world.give();
  const auto outcome = world.session("ASSENT_DAEMON=" + world.socket() + " ./assent web; echo status $?", [](pid_t) {});
  EXPECT_THAT(outcome.out, Not(HasSubstr("http://"))) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("status 125"));
  EXPECT_THAT(world.run({world.project + "/assent", "web"}).out, HasSubstr("http://127.0.0.1:"))
      << "the control: outside";
}

}  // namespace
}  // namespace assent::run_test
