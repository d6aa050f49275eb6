// Services of the host on unix sockets, in folders that the agent has new (/run, /tmp): not there by default, reached
// one by one by a rule. With a real ssh-agent, and curl for the kind that docker is.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

using Words = std::vector<std::string>;

// A program of the world's user that runs as long as this does.
class Running {
 public:
  Running(const World& world, const Words& argv) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    child_ = world.start(argv, {null, null, null}, [] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); });
    ::close(null);
  }
  ~Running() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  pid_t child_ = -1;
};

bool comes(const std::string& path) {
  for (int i = 0; i < 250 && !there(path); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return there(path);
}

class UnixServices : public AsEveryone {};

TEST_P(UnixServices, AnAgentOfSshIsReachedByARuleThatNamesIt) {
  if (!there("/usr/bin/ssh-agent")) GTEST_SKIP() << "ssh-agent is not here: 'scripts/setup test' installs it";
  World world(GetParam());
  const std::string path = world.root + "/run/agent.sock";
  const Running agent(world, {"/usr/bin/ssh-agent", "-D", "-a", path});
  ASSERT_TRUE(comes(path));
  world.extra_environment = {"SSH_AUTH_SOCK=" + path};
  ASSERT_EQ(world.shell("ssh-keygen -q -t ed25519 -N '' -C a-test-key -f key && ssh-add -q key && rm key").status, 0);
  const Words list{"ssh-add", "-l"};
  ASSERT_NE(world.run(list).out.find("a-test-key"), std::string::npos) << "the control does not reach it";

  const auto by_default = world.run(world.inside(list, {"--env", "SSH_AUTH_SOCK"}));
  EXPECT_EQ(by_default.status, 2) << by_default.out << by_default.err;
  EXPECT_NE(by_default.err.find("No such file or directory"), std::string::npos) << by_default.err;
  for (const auto& rule : {"unix:" + path, "unix:" + world.root + "/run/*.sock"}) {
    const auto allowed = world.run(world.inside(list, {"--env", "SSH_AUTH_SOCK", "--allow-host", rule}));
    EXPECT_NE(allowed.out.find("a-test-key"), std::string::npos) << rule << allowed.out << allowed.err;
  }
  EXPECT_NE(world.assent({"log", "last", "--json"}).out.find(path), std::string::npos);
  const auto other = world.run(world.inside(list, {"--env", "SSH_AUTH_SOCK", "--allow-host", "unix:" + path + "2"}));
  EXPECT_EQ(other.status, 2) << other.out << other.err;
}

TEST_P(UnixServices, OneThatIsAllowedDoesNotShowItsNeighbours) {
  if (!there("/usr/bin/curl")) GTEST_SKIP() << "curl is not here: 'scripts/setup test' installs it";
  const World world(GetParam());
  const std::string folder = world.root + "/run";
  const std::string serve =
      "import os,socket,sys\n"
      "listeners = [socket.socket(socket.AF_UNIX) for _ in (1, 2)]\n"
      "for s, n in zip(listeners, ('docker.sock', 'bus')): s.bind(sys.argv[1] + '/' + n); s.listen()\n"
      "while True:\n"
      "  for s in listeners:\n"
      "    s.settimeout(0.05)\n"
      "    try: c, _ = s.accept()\n"
      "    except OSError: continue\n"
      "    c.settimeout(5); c.recv(4096); c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nhello'); c.close()\n";
  const Running service(world, {"/usr/bin/python3", "-c", serve, folder});
  ASSERT_TRUE(comes(folder + "/bus"));
  const auto ask = [&](const char* name) {
    return Words{"curl", "-sS", "-m", "10", "--unix-socket", folder + "/" + name, "http://localhost/info"};
  };
  ASSERT_EQ(world.run(ask("docker.sock")).out, "hello") << "the control does not reach it";
  ASSERT_EQ(world.run(ask("bus")).out, "hello") << "the control does not reach it";
  const Words rule{"--allow-host", "unix:" + folder + "/docker.sock"};
  EXPECT_EQ(world.run(world.inside(ask("docker.sock"), rule)).out, "hello");
  EXPECT_EQ(world.run(world.inside(ask("docker.sock"))).status, 7);
  EXPECT_EQ(world.run(world.inside(ask("bus"), rule)).status, 7);
  const auto seen = world.run(world.inside({"ls", folder}, rule));
  EXPECT_EQ(seen.out, "docker.sock\n") << seen.err;
  // What is shown can be called, not taken away or replaced.
  const auto taken = world.run(world.inside({"rm", "-f", folder + "/docker.sock"}, rule));
  EXPECT_NE(taken.status, 0);
  EXPECT_TRUE(there(folder + "/docker.sock"));
}

INSTANTIATE_TEST_SUITE_P(Each, UnixServices, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
