// Connecting through the gate is what it is without: every case runs natively and inside, and must say the same.
#include <memory>
#include <tuple>

#include "support/network.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

Network* network() {
  static const std::unique_ptr<Network> only(::geteuid() == 0 ? new Network : nullptr);
  return only.get();
}

bool has(const char* program) {
  return std::system((std::string("command -v ") + program + " >/dev/null 2>&1").c_str()) == 0;
}

std::vector<std::string> client(const World& world, const char* test) {
  const std::string script = world.project + "/connects.py";
  if (!there(script)) {
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/connects.py", script);
    world.give();
  }
  return {"/usr/bin/python3", script, test, kPeer};
}

const std::vector<std::string> kAllowed{"--allow-host", "198.51.100.0/24", "--allow-host", "203.0.113.7"};

class SameAsNatively : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

TEST_P(SameAsNatively, Connects) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const auto [test, who] = GetParam();
  const World world(who);
  const auto native = world.run(client(world, test));
  const auto inside = world.run(world.inside(client(world, test), kAllowed));
  EXPECT_EQ(native.status, 0) << native.err;
  EXPECT_NE(native.out, "");
  EXPECT_EQ(inside.status, 0) << inside.err;
  EXPECT_EQ(inside.out, native.out) << inside.err;
}

INSTANTIATE_TEST_SUITE_P(
    Each, SameAsNatively,
    ::testing::Combine(::testing::Values("blocking", "refused", "half_close", "non_blocking", "non_blocking_refused",
                                         "polled_by_connect", "epoll_before", "duplicated", "inherited", "options",
                                         "own_port", "mapped", "interrupted", "send_timeout", "loopback", "addresses",
                                         "unix_sockets", "unix_in_the_project", "event_loop", "many"),
                       ::testing::ValuesIn(everyone())),
    [](const auto& one) { return std::string(std::get<0>(one.param)) + "_" + name(std::get<1>(one.param)); });

TEST_P(AsEveryone, AClientReachesWhatARuleAllowsAndNothingElse) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const World world(GetParam());
  const std::vector<std::pair<const char*, std::vector<std::string>>> clients{
      {"curl", {"curl", "-sS", "-m", "10", "http://198.51.100.2:7000/"}},
      {"wget", {"wget", "-q", "-T", "10", "-t", "1", "-O", "-", "http://198.51.100.2:7000/"}},
      {"python3",
       {"/usr/bin/python3", "-c",
        "import urllib.request as u; print(u.urlopen('http://198.51.100.2:7000/').read().decode())"}},
      {"/usr/bin/node",
       {"/usr/bin/node", "-e",
        "fetch('http://198.51.100.2:7000/').then(r => r.text()).then(t => console.log(t)).catch(e => { "
        "console.log(e.cause.code); process.exit(3) })"}},
  };
  for (const auto& [program, argv] : clients) {
    if (!has(program)) continue;
    const auto allowed = world.run(world.inside(argv, {"--allow-host", "198.51.100.2:7000"}));
    EXPECT_EQ(allowed.status, 0) << program << allowed.err;
    EXPECT_EQ(allowed.out.substr(0, 5), "hello") << program << allowed.err;
    const auto denied = world.run(world.inside(argv, {"--allow-host", "198.51.100.2:7001"}));
    EXPECT_NE(denied.status, 0) << program;
    EXPECT_EQ(denied.out.find("hello"), std::string::npos) << program;
    EXPECT_NE(denied.err.find("denied connect 198.51.100.2:7000"), std::string::npos) << program << denied.err;
  }
}

TEST_P(AsEveryone, AServiceOfTheHostsLoopbackIsReachedByARuleThatNamesIt) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const World world(GetParam());
  network()->serve_on_host(world.home);
  const std::vector<std::string> client{"/usr/bin/python3", "-c",
                                        "import socket\ntry: s = socket.create_connection(('127.0.0.1', 7001)); "
                                        "s.sendall(b'hi'); print(s.recv(2))\nexcept OSError as e: print(e.errno)"};
  const auto with = [&](const std::vector<std::string>& options) {
    return world.run(world.inside(client, options)).out;
  };
  EXPECT_EQ(with({"--allow-host", "127.0.0.1:7001"}), "b'hi'\n");
  for (const char* other : {"127.0.0.1:7002", "*", "0.0.0.0/0", "localhost"})
    EXPECT_EQ(with({"--allow-host", other}), "111\n") << other;
  network()->stop_on_host();
}

TEST_P(AsEveryone, AUnixSocketOutsideIsReachedByARuleThatNamesIt) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const World world(GetParam());
  network()->serve_on_host(world.project);
  const std::vector<std::string> client{
      "/usr/bin/python3", "-c",
      "import socket\ntry: s = socket.socket(socket.AF_UNIX); s.connect('service.sock'); s.sendall(b'hi'); "
      "print(s.recv(2))\nexcept OSError as e: print(e.errno)"};
  EXPECT_EQ(world.run(world.inside(client, {"--allow-host", "unix:" + world.project + "/service.sock"})).out,
            "b'hi'\n");
  const auto denied = world.run(world.inside(client, {"--allow-host", "unix:" + world.project + "/other.sock"}));
  EXPECT_EQ(denied.out, "13\n");
  EXPECT_NE(denied.err.find("denied connect unix:" + world.project + "/service.sock"), std::string::npos) << denied.err;
  network()->stop_on_host();
}

TEST_P(AsEveryone, AConnectIsInTheRecordWithItsResult) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const World world(GetParam());
  const std::string script =
      "import socket\nsocket.create_connection(('198.51.100.2', 7000))\n"
      "for port in (7999, 80):\n try: socket.create_connection(('198.51.100.2', port))\n except OSError as e: "
      "print(e.errno)\n";
  const auto outcome =
      world.run(world.inside({"/usr/bin/python3", "-c", script + "print(open('/run/assent/denials.jsonl').read())"},
                             {"--allow-host", "198.51.100.2:7000-7999"}));
  EXPECT_EQ(outcome.out.substr(0, 7), "111\n13\n") << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("198.51.100.2:80"), std::string::npos) << outcome.out;
  std::string log;
  for (const auto& entry : fs::recursive_directory_iterator(world.state)) {
    if (entry.path().filename() == "audit.jsonl") log = get(entry.path().string());
  }
  for (const char* port : {"7000", "7999", "80"})
    EXPECT_NE(log.find(std::string("\"port\":") + port), std::string::npos) << port << log;
  EXPECT_EQ(world.assent({"verify"}).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, AsEveryone, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
