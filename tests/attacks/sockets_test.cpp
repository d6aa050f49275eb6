// Services of the host that listen on unix sockets: nobody inside reaches one.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

// Listens as the world's user and counts who came.
class Service {
 public:
  Service(const World& world, const std::string& path, int type, bool abstract) : type_(type) {
    fd_ = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path + (abstract ? 1 : 0), path.c_str(), sizeof address.sun_path - 2);
    const auto length = static_cast<socklen_t>(sizeof(sa_family_t) + path.size() + 1);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0) std::abort();
    if (!abstract) ::chmod(path.c_str(), 0777);
    if (type != SOCK_DGRAM) ::listen(fd_, 8);
    world.give();
    thread_ = std::thread([this] { serve(); });
  }
  ~Service() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  [[nodiscard]] int visitors() const { return visitors_; }

 private:
  void serve() {
    while (!stop_) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, 20) != 1) continue;
      if (type_ == SOCK_DGRAM) {
        char buffer[64];
        if (::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++visitors_;
      } else if (const int got = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); got >= 0) {
        ++visitors_;
        ::close(got);
      }
    }
  }
  int fd_;
  int type_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> visitors_ = 0;
  std::thread thread_;
};

struct Kind {
  const char* act;
  int type;
  bool abstract;
};
void PrintTo(const Kind& each, std::ostream* out) { *out << each.act; }

constexpr Kind kKinds[] = {{"stream", SOCK_STREAM, false},
                           {"seqpacket", SOCK_SEQPACKET, false},
                           {"datagram", SOCK_DGRAM, false},
                           {"abstract", SOCK_STREAM, true}};

class Sockets : public ::testing::TestWithParam<std::tuple<Kind, Who>> {};

TEST_P(Sockets, OfTheHostAreOutOfReach) {
  const auto [kind, who] = GetParam();
  World world(who);
  // In the project, where the agent sees the name; and in the runtime folder, where services are.
  const std::vector<std::string> places =
      kind.abstract ? std::vector<std::string>{"assent-test-" + world.root.substr(world.root.size() - 6)}
                    : std::vector<std::string>{world.project + "/service", world.root + "/run/service"};
  for (const auto& place : places) {
    Service service(world, place, kind.type, kind.abstract);
    const std::vector<std::string> attack{"./victim", "act", kind.act, place};
    world.run(attack);
    for (int i = 0; i < 100 && service.visitors() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const int before = service.visitors();
    ASSERT_GT(before, 0) << "the control reached nobody";
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const int settled = service.visitors();
    const auto outcome = world.run_inside(attack);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(service.visitors(), settled) << outcome.out;
    EXPECT_NE(outcome.out, "") << outcome.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Sockets,
                         ::testing::Combine(::testing::ValuesIn(kKinds), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).act) + "_" + name(std::get<1>(each.param));
                         });

class FreeFolder : public AsEveryone {};

TEST_P(FreeFolder, LeadsToOwnSocketsAndToNoneOfTheHost) {
  World world(GetParam());
  const std::string folder = world.home + "/cache";
  fs::create_directories(folder);
  world.profile_file = world.root + "/free.toml";
  put(world.profile_file,
      "version = 1\nname = \"free\"\nextends = [\"default\"]\n[filesystem]\nfree = [\"~/cache\"]\n");
  Service service(world, folder + "/service", SOCK_STREAM, false);
  const std::vector<std::string> attack{"./victim", "act", "stream", folder + "/service"};
  world.run(attack);
  for (int i = 0; i < 500 && service.visitors() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(service.visitors(), 1) << "the control reached nobody";
  const auto outcome = world.run_inside(attack);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(service.visitors(), 1) << outcome.out;
  const auto own =
      world.run_inside({"/usr/bin/python3", "-c",
                        "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); "
                        "c=socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); print(s.getsockname()==sys.argv[1], "
                        "c.getpeername()==sys.argv[1])",
                        folder + "/own"});
  EXPECT_EQ(own.out, "True True\n") << own.err;
}

INSTANTIATE_TEST_SUITE_P(Each, FreeFolder, ::testing::ValuesIn(everyone()), kEveryone);

class GivenSocket : public AsEveryone {};

// It is of the host's network, and no filter sees to whom it sends.
TEST_P(GivenSocket, ThatSendsToAnybodyIsNotTakenAsStandardInput) {
  const int host = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(host, reinterpret_cast<sockaddr*>(&address), length), 0);
  ::getsockname(host, reinterpret_cast<sockaddr*>(&address), &length);
  const auto was_reached = [host] {
    pollfd wait{host, POLLIN, 0};
    char byte = 0;
    return ::poll(&wait, 1, 200) == 1 && ::recv(host, &byte, 1, MSG_DONTWAIT) >= 0;
  };
  World world(GetParam());
  Stdio stdio;
  stdio.in_fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const std::vector<std::string> attack{"/usr/bin/python3", "-c",
                                        "import socket; socket.socket(fileno=0).sendto(b'x', ('127.0.0.1', " +
                                            std::to_string(ntohs(address.sin_port)) + "))"};
  ASSERT_EQ(world.run(attack, stdio).status, 0);
  ASSERT_TRUE(was_reached()) << "the control reached nobody";
  const auto inside = world.run_inside(attack, stdio);
  EXPECT_EQ(inside.status, 125);
  EXPECT_NE(inside.err.find("EPROTOTYPE"), std::string::npos) << inside.err;
  EXPECT_FALSE(was_reached());
  ::close(stdio.in_fd);
  ::close(host);
}

TEST_P(GivenSocket, ThatIsAConnectedStreamServesAsAlways) {
  World world(GetParam());
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  ASSERT_EQ(::write(ends[0], "hello\n", 6), 6);
  ::shutdown(ends[0], SHUT_WR);
  Stdio stdio;
  stdio.in_fd = ends[1];
  EXPECT_EQ(world.run_inside({"cat"}, stdio).out, "hello\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

INSTANTIATE_TEST_SUITE_P(Each, GivenSocket, ::testing::ValuesIn(everyone()), kEveryone);

class FlippedAddress : public AsEveryone {};

TEST_P(FlippedAddress, ReachesNobody) {
  const Who who = GetParam();
  for (const char* racer : {"thread", "process"}) {
    World world(who);
    Service service(world, world.project + "/victim2", SOCK_STREAM, false);
    const std::vector<std::string> attack{"./victim", "race", "connect", racer, "own-sok", "victim2", "0.3"};
    world.run(attack);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const int settled = service.visitors();
    ASSERT_GT(settled, 0);
    const auto outcome = world.run_inside(attack);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(service.visitors(), settled) << outcome.out;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, FlippedAddress, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
