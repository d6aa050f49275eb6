// UDP leads nowhere, but where a rule says `udp`.
#include <memory>

#include "support/network.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

constexpr const char* kRules =
    "version = 1\nname = \"udp\"\nextends = [\"default\"]\n"
    "[[net]]\nhosts = [\"198.51.100.2:9000\"]\nudp = true\naction = \"allow\"\n";

constexpr const char* kBothPorts =
    "version = 1\nname = \"udp\"\nextends = [\"default\"]\n"
    "[[net]]\nhosts = [\"198.51.100.2:9000-9001\"]\nudp = true\naction = \"allow\"\n";

// Echoes datagrams in the network behind the wire.
class Echo {
 public:
  Echo() {
    char name[] = "/var/tmp/assent-udp-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    folder_ = name;
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (!network_.enter_peer()) ::_exit(1);
      const std::string script = std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/datagrams.py";
      ::execl("/usr/bin/python3", "python3", script.c_str(), "serve", kPeer, "9000", (folder_ + "/heard").c_str(),
              nullptr);
      ::_exit(1);
    }
    for (int i = 0; i < 1000 && !there(folder_ + "/heard"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ~Echo() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    fs::remove_all(folder_);
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  // What has come since the last time; waits for so many lines, or a little where there should be none.
  std::string heard(long lines = 0) {
    for (int i = 0; i < (lines > 0 ? 500 : 10); ++i, std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
      const std::string all = get(folder_ + "/heard");
      if (lines > 0 && std::count(all.begin(), all.end(), '\n') >= lines) break;
    }
    const std::string out = get(folder_ + "/heard");
    std::ofstream(folder_ + "/heard", std::ios::trunc);
    return out;
  }

 private:
  Network network_;
  std::string folder_;
  pid_t child_ = -1;
};

Echo* far_side() {
  static const std::unique_ptr<Echo> only(::geteuid() == 0 ? new Echo : nullptr);
  return only.get();
}

class Datagrams : public AsEveryone {
 protected:
  void SetUp() override {
    if (far_side() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
    far_side()->heard();
  }
  static std::vector<std::string> client(const World& world, const char* kind) {
    put(world.home + "/udp.toml", kRules);
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/datagrams.py",
                  world.project + "/datagrams.py", fs::copy_options::overwrite_existing);
    world.give();
    return {"/usr/bin/python3", world.project + "/datagrams.py", kind, kPeer};
  }
};

TEST_P(Datagrams, GoWhereARuleSaysUdpAsTheyDoNatively) {
  const World world(GetParam());
  const auto native = world.run(client(world, "flow"));
  const auto inside = world.run(world.inside(client(world, "flow"), {"-p", world.home + "/udp.toml"}));
  EXPECT_EQ(native.status, 0) << native.err;
  EXPECT_EQ(inside.out, native.out) << inside.err;
}

TEST_P(Datagrams, LeadNowhereWithoutSuchARule) {
  const World world(GetParam());
  EXPECT_EQ(world.run(client(world, "denied")).out, "connect 6\nsendto 6\n") << "the control";
  far_side()->heard(2);
  for (const char* host : {"*", "198.51.100.2:9000", "0.0.0.0/0"}) {
    const auto inside = world.run(world.inside(client(world, "denied"), {"--allow-host", host}));
    EXPECT_EQ(inside.out, "connect ENETUNREACH\nsendto ENETUNREACH\n") << inside.err;
  }
  EXPECT_EQ(far_side()->heard(), "");
}

TEST_P(Datagrams, AnAllowedFlowLeadsNowhereElse) {
  const World world(GetParam());
  const auto native = world.run(client(world, "beside"));
  EXPECT_NE(far_side()->heard().find("denied"), std::string::npos) << "the control";
  const auto inside = world.run(world.inside(client(world, "beside"), {"-p", world.home + "/udp.toml"}));
  EXPECT_EQ(far_side()->heard(), "9000 allowed\n") << inside.out << inside.err;
  EXPECT_NE(inside.out.find("mark EPERM"), std::string::npos) << inside.out;
  EXPECT_NE(inside.out.find("transparent EPERM"), std::string::npos) << inside.out;
}

std::string record(const World& world) {
  std::string log;
  for (const auto& entry : fs::recursive_directory_iterator(world.state)) {
    if (entry.path().filename() == "audit.jsonl") log = get(entry.path().string());
  }
  return log;
}

int count(const std::string& text, const std::string& word) {
  int out = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++out;
  return out;
}

TEST_P(Datagrams, AFlowStandsInTheRecord) {
  const World world(GetParam());
  EXPECT_EQ(world.run(world.inside(client(world, "flow"), {"-p", world.home + "/udp.toml"})).status, 0);
  EXPECT_NE(record(world).find("\"udp\""), std::string::npos);
}

TEST_P(Datagrams, GoFromSocketsThatAreNotConnectedAsTheyDoNatively) {
  const World world(GetParam());
  auto argv = client(world, "send");
  put(world.home + "/udp.toml", kBothPorts);
  world.give();
  const auto native = world.run(argv);
  const auto inside = world.run(world.inside(argv, {"-p", world.home + "/udp.toml"}));
  EXPECT_EQ(native.status, 0) << native.err;
  EXPECT_EQ(inside.out, native.out) << inside.err;
}

TEST_P(Datagrams, OfOneSocketToOnePlaceAreOneActInTheRecord) {
  const World world(GetParam());
  EXPECT_EQ(world.run(world.inside(client(world, "many"), {"-p", world.home + "/udp.toml"})).status, 0);
  EXPECT_EQ(count(record(world), "\"sendto\""), 1);
}

TEST_P(Datagrams, OfACrowdOfSocketsAllArriveAndNoMoreFlowsThanSomeAreKept) {
  const World world(GetParam());
  for (const char* kind : {"crowd", "passed"}) {
    const auto native = world.run(client(world, kind));
    EXPECT_EQ(native.status, 0) << native.err;
    EXPECT_EQ(world.run(world.inside(client(world, kind), {"-p", world.home + "/udp.toml"})).out, native.out) << kind;
  }
}

TEST_P(Datagrams, GoToANameThatARuleNames) {
  const World world(GetParam());
  auto argv = client(world, "named");
  put(world.home + "/udp.toml",
      "version = 1\nname = \"udp\"\nextends = [\"default\"]\n"
      "[[net]]\nhosts = [\"echo.test:9000\"]\nudp = true\naction = \"allow\"\n");
  world.give();
  argv.push_back("echo.test");
  const auto native = world.run(argv);
  EXPECT_EQ(native.status, 0) << native.err;
  EXPECT_EQ(world.run(world.inside(argv, {"-p", world.home + "/udp.toml"})).out, native.out);
  EXPECT_EQ(world.run(world.inside(argv, {"--allow-host", "udp:echo.test:9000"})).out, native.out);
  EXPECT_NE(world.run(world.inside(argv, {"--allow-host", "echo.test:9000"})).out, native.out);
  argv.back() = kPeer;
  EXPECT_NE(world.run(world.inside(argv, {"-p", world.home + "/udp.toml"})).status, 0) << "the bare address is not";
}

TEST_P(Datagrams, WhoseAddressIsRewrittenMeanwhileReachNobodyElse) {
  const World world(GetParam());
  const auto argv = client(world, "rewritten");
  const auto done = [] { return far_side()->heard().find("9001 denied") != std::string::npos; };
  bool control = false;
  for (int i = 0; i < 40 && !control; ++i) {
    EXPECT_EQ(world.run(argv).status, 0);
    control = done();
  }
  EXPECT_TRUE(control) << "the control did no damage: this test proves nothing";
  far_side()->heard();
  EXPECT_EQ(world.run(world.inside(argv, {"-p", world.home + "/udp.toml"})).status, 0);
  const std::string heard = far_side()->heard();
  EXPECT_NE(heard.find("9000 denied"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("9001"), std::string::npos);
}

// dig, host and nslookup send from sockets that are not connected, or are, as it pleases them.
TEST_P(Datagrams, ToolsThatLookUpNamesAskTheResolverInsideAndAllowedServers) {
  if (!there("/usr/bin/dig") || !there("/usr/bin/host") || !there("/usr/bin/nslookup"))
    GTEST_SKIP() << "needs dig, host and nslookup";
  const World world(GetParam());
  client(world, "named");
  const std::vector<std::vector<std::string>> tools{{"dig", "+short", "echo.test"},
                                                    {"dig", "+tcp", "+short", "echo.test"},
                                                    {"host", "echo.test"},
                                                    {"nslookup", "echo.test"}};
  for (const auto& tool : tools) {
    const auto allowed = world.run(world.inside(tool, {"--allow-host", "echo.test"}));
    EXPECT_NE(allowed.out.find(kPeer), std::string::npos) << tool[0] << allowed.out << allowed.err;
    const auto denied = world.run(world.inside(tool));
    EXPECT_EQ(denied.out.find(kPeer), std::string::npos) << tool[0] << denied.out;
  }
  put(world.home + "/udp.toml",
      "version = 1\nname = \"udp\"\nextends = [\"default\"]\n"
      "[[net]]\nhosts = [\"198.51.100.2:53\"]\nudp = true\naction = \"allow\"\n");
  world.give();
  const std::vector<std::string> other{"dig", "+short", "+tries=1", "+timeout=2", "@198.51.100.2", "other.test"};
  const auto asked = world.run(world.inside(other, {"-p", world.home + "/udp.toml"}));
  EXPECT_EQ(asked.out, std::string(kPeer) + "\n") << asked.err;
  EXPECT_NE(world.run(world.inside(other)).out, std::string(kPeer) + "\n");
}

INSTANTIATE_TEST_SUITE_P(Each, Datagrams, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
