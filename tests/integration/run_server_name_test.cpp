// sni = "match": what is called is what was allowed by name; the encryption stays between the two ends.
#include <memory>

#include "support/network.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

constexpr const char* kRules =
    "version = 1\nname = \"sni\"\nextends = [\"default\"]\n"
    "[[net]]\nhosts = [\"one.test:8443-8444\", \"two.test:8443\"]\nsni = \"match\"\naction = \"allow\"\n";

// A TLS server in the network behind the wire, for all tests.
class Server {
 public:
  Server() {
    char name[] = "/var/tmp/assent-tls-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    folder_ = name;
    start();
  }
  ~Server() {
    stop();
    fs::remove_all(folder_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start() {
    stop();
    fs::remove(folder_ + "/listens");
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (!network_.enter_peer()) ::_exit(1);
      const std::string script = std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/tls_server.py";
      ::execl("/usr/bin/python3", "python3", script.c_str(), folder_.c_str(), kPeer, "8443", nullptr);
      ::_exit(1);
    }
    for (int i = 0; i < 1000 && !there(folder_ + "/listens"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  void stop() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  // The names that were asked for since the last time.
  std::string names() {
    const std::string out = get(folder_ + "/names");
    fs::remove(folder_ + "/names");
    return out;
  }

 private:
  Network network_;
  std::string folder_;
  pid_t child_ = -1;
};

Server* server() {
  static const std::unique_ptr<Server> only(::geteuid() == 0 ? new Server : nullptr);
  return only.get();
}

class ServerNames : public AsEveryone {
 protected:
  void SetUp() override {
    if (server() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
    server()->names();
  }
  static Outcome run(World& world, const std::vector<std::string>& argv) {
    put(world.home + "/sni.toml", kRules);
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/tls_client.py",
                  world.project + "/tls_client.py", fs::copy_options::overwrite_existing);
    world.give();
    return world.run(world.inside(argv, {"-p", world.home + "/sni.toml"}));
  }
  static Outcome client(World& world, const char* kind, const char* host, const char* name, const char* port = "8443") {
    return run(world, {"/usr/bin/python3", world.project + "/tls_client.py", kind, host, port, name});
  }
};

TEST_P(ServerNames, TheNameThatWasAllowedGoesThroughInEveryClient) {
  World world(GetParam());
  const std::vector<std::vector<std::string>> clients{
      {"/usr/bin/curl", "-sSk", "-m", "10", "https://one.test:8443/"},
      {"/usr/bin/curl", "-sSk", "--tls-max", "1.2", "-m", "10", "https://two.test:8443/"},
      {"/usr/bin/curl", "-sSk", "--http2", "-m", "10", "https://ONE.test:8443/"},
      {"/usr/bin/wget", "-q", "--no-check-certificate", "-T", "10", "-t", "1", "-O", "-", "https://one.test:8443/"},
      {"/usr/bin/node", "-e",
       "process.env.NODE_TLS_REJECT_UNAUTHORIZED='0'; fetch('https://one.test:8443/').then(r => r.text()).then(t => "
       "console.log(t)).catch(e => { console.log(e.cause.code); process.exit(3) })"},
  };
  for (const auto& argv : clients) {
    if (!there(argv[0])) continue;
    const auto outcome = run(world, argv);
    EXPECT_EQ(outcome.out.substr(0, 5), "hello") << argv[0] << outcome.out << outcome.err;
    EXPECT_NE(server()->names(), "");
  }
  EXPECT_EQ(client(world, "asyncio", "one.test", "one.test").out, "50\n");
}

TEST_P(ServerNames, AnotherNameAtTheSameAddressIsRefusedAndNeverReachesTheServer) {
  World world(GetParam());
  const auto fronted = run(world, {"/usr/bin/curl", "-sSk", "-m", "10", "--connect-to", "other.test:8443:one.test:8443",
                                   "https://other.test:8443/"});
  EXPECT_NE(fronted.status, 0);
  EXPECT_NE(fronted.err.find("names another server, other.test"), std::string::npos) << fronted.err;
  // Allowed too, but not looked up for this address.
  const auto two = client(world, "get", "one.test", "two.test");
  EXPECT_EQ(two.out, "ECONNRESET\n") << two.err;
  const auto none = client(world, "get", "one.test", "-");
  EXPECT_EQ(none.out, "ECONNRESET\n") << none.err;
  EXPECT_NE(none.err.find("names no server"), std::string::npos) << none.err;
  const auto plain = run(world, {"/usr/bin/curl", "-sS", "-m", "10", "http://one.test:8443/"});
  EXPECT_NE(plain.err.find("does not begin with a TLS hello"), std::string::npos) << plain.err;
  EXPECT_EQ(server()->names(), "");
  // The control: without the key in the rule the fronted one gets through.
  const auto without = world.run(world.inside({"/usr/bin/curl", "-sSk", "-m", "10", "--connect-to",
                                               "other.test:8443:one.test:8443", "https://other.test:8443/"},
                                              {"--allow-host", "one.test"}));
  EXPECT_EQ(without.out, "hello") << without.err;
  EXPECT_EQ(server()->names(), "other.test\nother.test\n") << "a hello, and the second one that the server asks for";
}

TEST_P(ServerNames, ARefusalStandsInTheRecordAndInTheDenials) {
  World world(GetParam());
  const auto outcome =
      run(world,
          {"sh", "-c", "/usr/bin/python3 tls_client.py get one.test 8443 other.test; sleep 0.2; cat $ASSENT_DENIALS"});
  EXPECT_NE(outcome.out.find("names another server, other.test"), std::string::npos) << outcome.out;
  std::string log;
  for (const auto& entry : fs::recursive_directory_iterator(world.state)) {
    if (entry.path().filename() == "audit.jsonl") log = get(entry.path().string());
  }
  EXPECT_NE(log.find("names another server, other.test"), std::string::npos) << log;
  EXPECT_EQ(world.assent({"verify"}).status, 0);
}

TEST_P(ServerNames, TheHelloMayComeByteByByte) {
  World world(GetParam());
  EXPECT_EQ(client(world, "pieces", "one.test", "one.test").out.substr(0, 5), "hello");
  const auto wrong = client(world, "pieces", "one.test", "other.test");
  EXPECT_EQ(wrong.out.find("hello"), std::string::npos) << wrong.out;
}

TEST_P(ServerNames, BothEndsTellTheTruthAboutTheirAddresses) {
  World world(GetParam());
  EXPECT_EQ(client(world, "ends", "one.test", "one.test").out, "('198.51.100.2', 8443) True 198.51.100.1\n");
}

TEST_P(ServerNames, ARefusedConnectionIsRefusedWhetherTheClientWaitsOrNot) {
  World world(GetParam());
  EXPECT_EQ(client(world, "refused", "one.test", "one.test", "8444").out, "ECONNREFUSED\nECONNREFUSED\n");
  EXPECT_EQ(client(world, "again", "one.test", "one.test").out, "ECONNREFUSED\nhello\n");
}

TEST_P(ServerNames, MuchGoesThroughBothWays) {
  World world(GetParam());
  EXPECT_EQ(client(world, "bulk", "one.test", "one.test").out,
            std::to_string(64 << 20) + "\n" + std::to_string((32 << 20) + 5) + "\n");
}

TEST_P(ServerNames, AnAddressThatNoNameWasLookedUpForIsNotReached) {
  World world(GetParam());
  put(world.home + "/sni.toml", "");
  const auto outcome = client(world, "get", kPeer, "one.test");
  EXPECT_EQ(outcome.out, "EACCES\n") << outcome.err;
}

TEST_P(ServerNames, AServerThatDiesEndsTheConnection) {
  World world(GetParam());
  EXPECT_EQ(client(world, "dying", "one.test", "one.test").out, "ended\n");
  EXPECT_EQ(client(world, "silent", "one.test", "one.test").out, "ECONNREFUSED\n");
  server()->start();
  EXPECT_EQ(client(world, "silent", "one.test", "one.test").out, "quiet\n");
}

INSTANTIATE_TEST_SUITE_P(Each, ServerNames, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
