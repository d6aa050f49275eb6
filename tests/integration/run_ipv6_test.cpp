// IPv6 from end to end: rules, datagrams, the name in the encryption, publishing, the host's loopback, and names that a
// human is asked about.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>

#include "support/daemon_world.h"
#include "support/free_port.h"
#include "support/servers.h"

namespace assent::run_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

Servers* servers() {
  static const std::unique_ptr<Servers> only(::geteuid() == 0 ? new Servers({"echo", "datagrams", "encrypted"})
                                                              : nullptr);
  return only.get();
}

void bring(const World& world, const std::string& rules = "") {
  for (const std::string file : {"six.py", "tls_client.py"})
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/" + file, world.project + "/" + file,
                  fs::copy_options::overwrite_existing);
  put(world.home + "/rules.toml", "version = 1\nname = \"rules\"\nextends = [\"default\"]\n" + rules);
  world.give();
}

Words six(const Words& more) {
  Words out{"/usr/bin/python3", "six.py"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

Words by_rules(const World& world) { return {"-p", world.home + "/rules.toml"}; }

class Ipv6 : public AsEveryone {
 protected:
  void SetUp() override {
    if (servers() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
    ASSERT_EQ(servers()->trouble(), "");
    std::error_code ignored;
    for (const char* file : {"/heard", "/asked"}) fs::remove(servers()->folder() + file, ignored);
  }
};
INSTANTIATE_TEST_SUITE_P(Users, Ipv6, ::testing::ValuesIn(everyone()), kEveryone);

constexpr const char* kDatagrams = "[[net]]\nhosts = [\"[2001:db8::]/32:9000\"]\nudp = true\naction = \"allow\"\n";

TEST_P(Ipv6, DatagramsGoWhereARuleSaysUdpAsTheyDoNatively) {
  const World world(GetParam());
  bring(world, kDatagrams);
  const auto native = world.run(six({"datagrams"}));
  ASSERT_EQ(native.status, 0) << native.err;
  const auto inside = world.run(world.inside(six({"datagrams"}), by_rules(world)));
  EXPECT_EQ(inside.out, native.out) << inside.err;
}

TEST_P(Ipv6, DatagramsGoNowhereElse) {
  const World world(GetParam());
  bring(world, kDatagrams);
  const std::string heard = servers()->folder() + "/heard";
  (void)world.run(six({"other_datagrams"}));
  for (int i = 0; i < 500 && !there(heard); ++i) std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(there(heard)) << "the control";
  fs::remove(heard);
  const auto inside = world.run(world.inside(six({"other_datagrams"}), by_rules(world)));
  EXPECT_THAT(inside.out, HasSubstr("b'allowed' ENETUNREACH"));
  EXPECT_THAT(inside.out, HasSubstr("\nENETUNREACH ENETUNREACH\n"));
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(there(heard)) << get(heard);
}

TEST_P(Ipv6, TheNameInTheEncryptionIsCompared) {
  const World world(GetParam());
  bring(world, "[[net]]\nhosts = [\"six.test:8443\", \"good.test:8443\"]\nsni = \"match\"\naction = \"allow\"\n");
  const auto client = [&](const char* kind, const char* host, const char* name) {
    return world.run(world.inside({"/usr/bin/python3", "tls_client.py", kind, host, "8443", name}, by_rules(world)));
  };
  EXPECT_EQ(client("get", "six.test", "six.test").out, "hello\n");
  const auto ends = client("ends", "six.test", "six.test");
  EXPECT_THAT(ends.out, HasSubstr("('2001:db8:77::2', 8443, 0, 0) ")) << ends.err;
  fs::remove(servers()->folder() + "/asked");
  const auto other = client("get", "six.test", "other.test");
  EXPECT_EQ(other.out, "ECONNRESET\n") << other.err;
  EXPECT_THAT(other.err, HasSubstr("names another server, other.test"));
  EXPECT_FALSE(there(servers()->folder() + "/asked"));
  const auto curl =
      world.run(world.inside({"/usr/bin/curl", "-6", "-sSk", "-m", "20", "https://good.test:8443/"}, by_rules(world)));
  EXPECT_EQ(curl.out, "hello") << curl.err;
}

TEST_P(Ipv6, AServerOfTheHostsLoopbackIsReachedByItsRule) {
  const World world(GetParam());
  bring(world);
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(fd, 8), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const std::string port = std::to_string(ntohs(address.sin6_port));
  std::thread serve([fd] {
    for (int caller = 0; (caller = ::accept(fd, nullptr, nullptr)) >= 0; ::close(caller))
      (void)!::write(caller, "outside", 7);
  });
  EXPECT_EQ(world.run(world.inside(six({"service", port}), {"--allow-host", "[::1]:" + port})).out, "b'outside' ::1\n");
  for (const char* host : {"*", "[::]/0", "127.0.0.1"})
    EXPECT_EQ(world.run(world.inside(six({"service", port}), {"--allow-host", host})).out, "") << host;
  ::shutdown(fd, SHUT_RDWR);
  serve.join();
  ::close(fd);
}

TEST_P(Ipv6, AServerInsideIsPublishedOnLoopback) {
  const World world(GetParam());
  bring(world);
  const std::string server =
      "import socket, sys\n"
      "s = socket.create_server((sys.argv[1], 7001), family=socket.AF_INET6 if ':' in sys.argv[1] else "
      "socket.AF_INET)\n"
      "c, whence = s.accept()\nc.sendall(b'from inside')\n";
  for (const char* inner : {"::1", "127.0.0.1", "::"}) {
    const int port = free_port(AF_INET6);
    const auto outcome =
        world.run(world.inside({"/usr/bin/python3", "-c", server, inner},
                               {"--publish", "[::1]:" + std::to_string(port) + ":7001"}),
                  {}, [port](pid_t) {
                    sockaddr_in6 address{};
                    address.sin6_family = AF_INET6;
                    address.sin6_port = htons(static_cast<std::uint16_t>(port));
                    address.sin6_addr = in6addr_loopback;
                    char text[20] = {};
                    for (int i = 0; i < 500; ++i, std::this_thread::sleep_for(20ms)) {
                      const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
                      if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
                        (void)!::recv(fd, text, sizeof text - 1, 0);
                        i = 500;
                      }
                      ::close(fd);
                    }
                    EXPECT_STREQ(text, "from inside");
                  });
    EXPECT_EQ(outcome.status, 0) << inner << outcome.err;
  }
}

// What the question was, and what the session said once it was answered with yes.
struct Said {
  std::string object;
  std::string out;
  std::string err;
};
Said answered(const DaemonWorld& world, const std::string& script, const Words& options) {
  Said said;
  const auto outcome = world.session(
      script,
      [&](pid_t) {
        const auto waiting = world.pending();
        ASSERT_EQ(waiting.size(), 1U);
        said.object = waiting[0]["object"];
        EXPECT_EQ(world.assent(DaemonWorld::yes_to(waiting[0])).status, 0);
      },
      options);
  said.out = outcome.out;
  said.err = outcome.err;
  return said;
}

TEST_P(Ipv6, ANameThatAHumanIsAskedAboutLeadsToWhateverAddressItHas) {
  const DaemonWorld world(GetParam(), DaemonWorld::Daemon::OfUser);
  bring(world);
  const struct {
    const char *script, *object, *out;
  } kCases[] = {
      // It has only IPv6 addresses, whichever kind of socket the program has.
      {"python3 six.py asked six.test any", "six.test:7000", "True\n"},
      {"python3 six.py asked six.test 4", "six.test:7000", "True\n"},
      {"python3 six.py asked six.test 6", "six.test:7000", "True\n2001:db8:77::2\n"},
      {"python3 six.py asked_in_a_loop six.test", "six.test:7000", "b'hello'\n"},
      // Only IPv4 ones.
      {"python3 six.py asked four.test any", "four.test:7000", "True\n198.51.100.2\n"},
      {"python3 six.py asked four.test 6", "four.test:7000", "True\n::ffff:198.51.100.2\n"},
      // Both.
      {"python3 six.py asked good.test any", "good.test:7000", "True\n198.51.100.2\n"},
      {"python3 six.py asked good.test 6", "good.test:7000", "True\n2001:db8:77::2\n"},
      {"python3 six.py asked_in_a_loop good.test", "good.test:7000", "b'hello'\n"},
  };
  for (const auto& one : kCases) {
    const auto said = answered(world, one.script, by_rules(world));
    EXPECT_EQ(said.object, one.object) << one.script;
    EXPECT_EQ(said.out.substr(0, std::string(one.out).size()), one.out) << one.script << said.err;
  }
  EXPECT_EQ(servers()->leaks(), "");
}

TEST_P(Ipv6, AQuestionAboutABareAddressNamesTheHost) {
  const DaemonWorld world(GetParam(), DaemonWorld::Daemon::OfUser);
  bring(world, "[[net]]\nhosts = [\"six.test:1\"]\naction = \"allow\"\n");  // so the name may be looked up
  auto said = answered(world, "python3 six.py asked six.test 6", by_rules(world));
  EXPECT_EQ(said.object, "six.test:7000");
  EXPECT_EQ(said.out, "True\n2001:db8:77::2\n") << said.err;
  said = answered(world, "python3 six.py asked 2001:db8:77::2 6", by_rules(world));
  EXPECT_EQ(said.object, "[2001:db8:77::2]:7000");
}

TEST_P(Ipv6, DatagramsToANameThatAHumanIsAskedAboutGoWithTheYes) {
  const DaemonWorld world(GetParam(), DaemonWorld::Daemon::OfUser);
  bring(world, "[[net]]\nhosts = [\"*.test:9000\"]\nudp = true\naction = \"ask\"\n");
  for (const char* host : {"six.test", "four.test", "good.test"}) {
    for (const char* family : {"4", "6"}) {
      const auto said =
          answered(world, std::string("python3 six.py asked_by_datagram ") + host + " " + family, by_rules(world));
      EXPECT_EQ(said.object, std::string("udp:") + host + ":9000");
      EXPECT_EQ(said.out, "b'hello' True\n") << host << family << said.err;
    }
  }
}

}  // namespace
}  // namespace assent::run_test
