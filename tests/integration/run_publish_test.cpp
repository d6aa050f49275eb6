// --publish: a server inside is called from outside, on loopback and nowhere else, as if nothing stood between.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "support/free_port.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

using namespace std::chrono_literals;

sockaddr_in at(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

// A connection to the port, or why there is none.
struct Client {
  int fd = -1;
  int error = 0;

  explicit Client(int port) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in address = at(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) error = errno;
  }
  Client(Client&& other) noexcept : fd(std::exchange(other.fd, -1)), error(other.error) {}
  Client& operator=(Client&&) = delete;
  ~Client() { end(); }
  void end() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  void end_with_reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end();
  }
  void say(const std::string& text) const { (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  std::string hear(std::size_t most = 65536) {
    std::string out(most, '\0');
    const ssize_t n = ::recv(fd, out.data(), out.size(), 0);
    if (n < 0) error = errno;
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
  }
};

Client patient(int port) {
  for (int i = 0; i < 250; ++i) {
    Client client(port);
    if (client.error == 0) return client;
    std::this_thread::sleep_for(20ms);
  }
  return Client(port);
}

bool appears(const std::string& path) {
  for (int i = 0; i < 1000; ++i) {
    if (there(path)) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

class Published : public AsEveryone {
 protected:
  // Runs a server of published.py while `test` calls it.
  Outcome serve(World& world, const char* kind, const std::vector<std::string>& options, int inner,
                const std::function<void(pid_t)>& test) {
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/published.py",
                  world.project + "/published.py", fs::copy_options::overwrite_existing);
    world.give();
    return world.run(
        world.inside({"/usr/bin/python3", world.project + "/published.py", kind, std::to_string(inner)}, options), {},
        [&](pid_t child) {
          test(child);
          ::kill(child, SIGTERM);
        });
  }
};

std::string text(int number) { return std::to_string(number); }

TEST_P(Published, AServerInsideAnswersOnLoopbackOutsideAgainAndAgain) {
  World world(GetParam());
  const int port = free_port();
  serve(world, "echo", {"--publish", text(port) + ":3000"}, 3000, [&](pid_t) {
    patient(port);
    for (int i = 0; i < 50; ++i) {
      Client client(port);
      client.say("hello");
      EXPECT_EQ(client.hear(), "hello");
      ::shutdown(client.fd, SHUT_WR);
      EXPECT_EQ(client.hear(), ".") << "the end of what the caller says is not the end of the answer";
      EXPECT_EQ(client.hear(), "");
    }
  });
}

TEST_P(Published, SeveralPortsAndTheSamePortInside) {
  World world(GetParam());
  const int one = free_port(), other = free_port();
  serve(world, "echo",
        {"--publish", "localhost:" + text(one), "--publish", "127.0.0.1:" + text(other) + ":" + text(one)}, one,
        [&](pid_t) {
          for (const int port : {one, other}) {
            Client client = patient(port);
            client.say("x");
            EXPECT_EQ(client.hear(), "x") << port;
          }
        });
}

TEST_P(Published, AServerOnTheIpv6LoopbackInsideIsReachedToo) {
  World world(GetParam());
  const int port = free_port();
  serve(world, "echo6", {"--publish", text(port) + ":3000"}, 3000, [&](pid_t) {
    Client client = patient(port);
    client.say("six");
    EXPECT_EQ(client.hear(), "six");
  });
}

TEST_P(Published, WhileNothingListensInsideACallerIsRefused) {
  World world(GetParam());
  const int port = free_port();
  serve(world, "late", {"--publish", text(port) + ":3000"}, 3000, [&](pid_t) {
    for (int i = 0; i < 5; ++i, std::this_thread::sleep_for(30ms)) EXPECT_EQ(Client(port).error, ECONNREFUSED);
    put(world.project + "/first", "");
    ASSERT_TRUE(appears(world.project + "/first-listens"));
    EXPECT_EQ(patient(port).hear(), "");
    ASSERT_TRUE(appears(world.project + "/closed"));
    Client found_out(port);  // the first one after the server has gone
    if (found_out.error == 0) {
      EXPECT_EQ(found_out.hear(), "");
      EXPECT_EQ(found_out.error, ECONNRESET);
    }
    for (int i = 0; i < 100 && Client(port).error == 0; ++i) std::this_thread::sleep_for(20ms);
    EXPECT_EQ(Client(port).error, ECONNREFUSED);
    put(world.project + "/second", "");
    ASSERT_TRUE(appears(world.project + "/second-listens"));
    Client again = patient(port);
    again.say("again");
    EXPECT_EQ(again.hear(), "again");
  });
}

TEST_P(Published, AResetIsPassedOnBothWays) {
  World world(GetParam());
  const int port = free_port();
  serve(world, "reset", {"--publish", text(port) + ":3000"}, 3000, [&](pid_t) {
    Client hit = patient(port);
    hit.say("r");
    EXPECT_EQ(hit.hear(), "");
    EXPECT_EQ(hit.error, ECONNRESET);
    Client hits = patient(port);
    hits.say("x");
    std::this_thread::sleep_for(200ms);
    hits.end_with_reset();
    ASSERT_TRUE(appears(world.project + "/how"));
    for (int i = 0; i < 100 && get(world.project + "/how").empty(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(get(world.project + "/how"), "reset");
  });
}

TEST_P(Published, AServerThatTakesNothingHoldsItsCallerBackAndLosesNothing) {
  World world(GetParam());
  const int port = free_port();
  serve(world, "slow", {"--publish", text(port) + ":3000"}, 3000, [&](pid_t child) {
    Client client = patient(port);
    const std::string much(1 << 20, 'x');
    std::size_t sent = 0;
    int idle = 0;
    while (idle < 20 && sent < (std::size_t{256} << 20)) {
      const ssize_t n = ::send(client.fd, much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      idle = n > 0 ? 0 : idle + 1;
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n <= 0) std::this_thread::sleep_for(20ms);
    }
    EXPECT_LT(sent, std::size_t{64} << 20) << "somebody holds all that";
    const std::string status = get("/proc/" + text(child) + "/status");
    EXPECT_LT(std::atol(status.c_str() + status.find("VmRSS:") + 6), 64 << 10) << "KiB";
    put(world.project + "/go", "");
    ::send(client.fd, "y", 1, MSG_NOSIGNAL);
    ::shutdown(client.fd, SHUT_WR);
    EXPECT_EQ(client.hear(), text(static_cast<int>(sent + 1)));
  });
}

TEST_P(Published, APortThatIsTakenOutsideStartsNothing) {
  World world(GetParam());
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = at(0);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const auto outcome =
      world.run(world.inside({"touch", "ran"}, {"--publish", text(ntohs(address.sin_port)) + ":3000"}));
  EXPECT_EQ(outcome.status, 125);
  EXPECT_NE(outcome.err.find("cannot publish at 127.0.0.1:"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("EADDRINUSE"), std::string::npos) << outcome.err;
  EXPECT_FALSE(there(world.project + "/ran"));
  ::close(fd);
}

TEST_P(Published, APortThatAnotherSessionHoldsIsTakenThoughNothingListensYet) {
  World world(GetParam());
  const std::string place = text(free_port());
  const auto started = [&] { return appears(world.project + "/runs"); };
  world.run(world.inside({"sh", "-c", "touch runs; exec sleep 30"}, {"--publish", place}), {}, [&](pid_t child) {
    ASSERT_TRUE(started());
    const World other(GetParam());
    const auto second = other.run(other.inside({"true"}, {"--publish", place}));
    EXPECT_EQ(second.status, 125);
    EXPECT_NE(second.err.find("EADDRINUSE"), std::string::npos) << second.err;
    ::kill(child, SIGTERM);
  });
}

TEST_P(Published, OnlyLoopbackCanBePublishedOn) {
  World world(GetParam());
  for (const char* bad : {"0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080:80", "example.org:80", "8080:", ":8080", "0",
                          "70000", "127.0.0.1", "[::1]8080", "8080:80:90", ""}) {
    const auto outcome = world.run(world.inside({"touch", "ran"}, {"--publish", bad}));
    EXPECT_EQ(outcome.status, 2) << bad << outcome.err;
    EXPECT_NE(outcome.err.find("--publish"), std::string::npos) << bad << outcome.err;
  }
  EXPECT_FALSE(there(world.project + "/ran"));
}

TEST_P(Published, WhatIsPublishedStandsInTheRecord) {
  World world(GetParam());
  const std::string place = text(free_port()) + ":3000";
  EXPECT_EQ(world.run(world.inside({"true"}, {"--publish", place})).status, 0);
  std::string log;
  for (const auto& entry : fs::recursive_directory_iterator(world.state)) {
    if (entry.path().filename() == "audit.jsonl") log = get(entry.path().string());
  }
  EXPECT_NE(log.find(place), std::string::npos) << log;
}

TEST_P(Published, TheAgentHoldsNoSocketOfTheHost) {
  World world(GetParam());
  const int port = free_port();
  serve(world, "echo", {"--publish", text(port) + ":3000"}, 3000, [&](pid_t) { patient(port); });
  const auto outcome =
      world.run(world.inside({"sh", "-c", "ls -l /proc/self/fd; ls -l /proc/1/fd 2>&1"}, {"--publish", text(port)}));
  EXPECT_EQ(outcome.out.find("socket:"), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, Published, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
