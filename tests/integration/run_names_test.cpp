// Names: what a rule allows can be looked up by every resolver there is; nothing else leaves the machine.
#include <pty.h>
#include <sys/ioctl.h>

#include <memory>

#include "support/network.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

Network* network() {
  static const std::unique_ptr<Network> only(::geteuid() == 0 ? new Network : nullptr);
  return only.get();
}

class Names : public AsEveryone {
 protected:
  void SetUp() override {
    if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
    (void)network()->calls();
  }
  static std::vector<std::string> client(const World& world, const char* test) {
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/lookups.py", world.project + "/lookups.py",
                  fs::copy_options::overwrite_existing);
    return {"/usr/bin/python3", world.project + "/lookups.py", test};
  }
  static Outcome run(const World& world, const char* test, const std::vector<std::string>& options) {
    auto outcome = world.run(world.inside(client(world, test), options));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome;
  }
};

const std::vector<std::string> kAllowed{"--allow-host", "one.test:7000", "--allow-host",
                                        "*.wild.test",  "--allow-host",  "big.test"};

TEST_P(Names, AreLookedUpAsWithoutAssent) {
  const World world(GetParam());
  const auto native = world.run(client(world, "ordinary"));
  const auto inside = run(world, "ordinary", kAllowed);
  EXPECT_EQ(inside.out, native.out) << inside.err;
  EXPECT_NE(inside.out.find("198.51.100.2"), std::string::npos);
}

TEST_P(Names, LeaveTheMachineOnlyWhereARuleAllowsThem) {
  const World world(GetParam());
  (void)world.run(client(world, "refused"));
  ASSERT_GT(network()->calls(), 0) << "the control asked nobody: this test proves nothing";
  const auto inside = run(world, "refused", kAllowed);
  EXPECT_EQ(network()->calls(), 0) << inside.out;
  EXPECT_EQ(inside.out, "-2 \n-2 \n-2 \n1234 rcode 3 cut 0 questions 1 answers 0 \n") << "at once, and for good";
}

TEST_P(Names, AreAnsweredByDatagramAndByStream) {
  const World world(GetParam());
  const auto inside = run(world, "protocol", kAllowed);
  const std::string empty = "1234 rcode 0 cut 0 questions 1 answers 0 \n";
  std::string wanted = "1234 rcode 0 cut 0 questions 1 answers 1 \n";
  for (int i = 0; i < 7; ++i) wanted += empty;
  wanted +=
      "1234 rcode 0 cut 0 questions 1 answers 20 \n"
      "['1234 rcode 0 cut 0 questions 1 answers 1', '1234 rcode 0 cut 0 questions 1 answers 20', '1234 rcode 3 cut 0 "
      "questions 1 answers 0'] \n";
  EXPECT_EQ(inside.out, wanted) << inside.err;
}

TEST_P(Names, DecideAboutTheAddressTheyLeadTo) {
  const World world(GetParam());
  const auto inside = run(world, "connects", kAllowed);
  EXPECT_EQ(inside.out, "('198.51.100.2', 7000) \nEACCES \n('198.51.100.2', 7000) \n") << inside.err;
  EXPECT_NE(inside.err.find("denied connect one.test:7001"), std::string::npos) << inside.err;
  const auto bare = world.run(world.inside(
      {"/usr/bin/python3", "-c", "import socket; socket.create_connection(('198.51.100.2', 7000))"}, kAllowed));
  EXPECT_NE(bare.err.find("denied connect 198.51.100.2:7000"), std::string::npos)
      << "a name nobody looked up allows no address";
}

TEST_P(Names, AreToldInTheDenials) {
  const World world(GetParam());
  const auto inside = world.run(world.inside({"sh", "-c",
                                              "/usr/bin/python3 -c 'import socket; socket.getaddrinfo(\"denied.test\", "
                                              "1)' 2>/dev/null; cat $ASSENT_DENIALS; cat /etc/resolv.conf"}));
  EXPECT_NE(inside.out.find("denied.test"), std::string::npos) << inside.out;
  EXPECT_NE(inside.out.find("needs a human"), std::string::npos) << inside.out;
  EXPECT_NE(inside.out.find("nameserver 127.0.0.1"), std::string::npos) << inside.out;
  EXPECT_EQ(inside.out.find("198.51.100.2"), std::string::npos) << inside.out;
}

TEST_P(Names, SurviveAFlood) {
  const World world(GetParam());
  const auto inside = run(world, "flood", kAllowed);
  EXPECT_NE(inside.out.find("198.51.100.2"), std::string::npos) << inside.out << inside.err;
  EXPECT_NE(inside.out.find("True 200"), std::string::npos) << inside.out << inside.err;
}

TEST_P(Names, WorkInEveryResolver) {
  const World world(GetParam());
  const std::vector<std::vector<std::string>> clients{
      {"/usr/bin/curl", "-sS", "-m", "10", "http://one.test:7000/"},
      {"/usr/bin/wget", "-q", "-T", "10", "-t", "1", "-O", "-", "http://one.test:7000/"},
      {"/usr/bin/python3", "-c",
       "import urllib.request as u; print(u.urlopen('http://one.test:7000/').read().decode())"},
      {"/usr/bin/node", "-e",
       "fetch('http://one.test:7000/').then(r => r.text()).then(t => console.log(t)).catch(e => { "
       "console.log(e.cause.code); process.exit(3) })"},
      {"/usr/bin/node", "-e",
       "require('dns').resolve4('one.test', (e, a) => { if (e) { console.log(e.code); process.exit(3) } "
       "console.log(a[0] == '198.51.100.2' ? 'hello' : a) })"},
  };
  for (const auto& argv : clients) {
    if (!there(argv[0])) continue;
    const auto allowed = world.run(world.inside(argv, kAllowed));
    EXPECT_EQ(allowed.out.substr(0, 5), "hello") << argv[0] << allowed.out << allowed.err;
    const auto begin = std::chrono::steady_clock::now();
    const auto denied = world.run(world.inside(argv));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << argv[0];
    EXPECT_NE(denied.status, 0) << argv[0];
  }
}

// Until a human has said yes, the agent has an address that only stands for the name.
TEST_P(Names, ThatAHumanIsAskedAboutLeaveWithTheYes) {
  const World world(GetParam());
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  if (GetParam() == Who::Ordinary) ASSERT_EQ(::fchown(slave, ordinary_uid(), ordinary_uid()), 0);
  const pid_t child =
      world.start({assent_binary(), "run", "--", "/usr/bin/curl", "-sS", "-m", "20", "http://denied.test:7000/"},
                  {slave, slave, slave}, [] {
                    ::setsid();
                    ::ioctl(0, TIOCSCTTY, 0);
                  });
  ::close(slave);
  std::string screen;
  const auto read_until = [&](const char* text, int seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (screen.find(text) == std::string::npos && std::chrono::steady_clock::now() < end) {
      pollfd wait{master, POLLIN, 0};
      if (::poll(&wait, 1, 200) != 1) continue;
      char buffer[4096];
      const ssize_t n = ::read(master, buffer, sizeof buffer);
      if (n <= 0) break;
      screen.append(buffer, static_cast<std::size_t>(n));
    }
    return screen.find(text) != std::string::npos;
  };
  EXPECT_TRUE(read_until("denied.test:7000", 10)) << screen;
  std::this_thread::sleep_for(
      std::chrono::milliseconds(2500));  // a question takes no key that was on its way before it
  EXPECT_EQ(network()->calls(), 0) << "nobody has said yes";
  EXPECT_EQ(::write(master, "o", 1), 1);
  EXPECT_TRUE(read_until("hello", 10)) << screen;
  EXPECT_GT(network()->calls(), 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(master);
}

INSTANTIATE_TEST_SUITE_P(Each, Names, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
