// Services of the host that listen on unix sockets: nobody inside reaches one.
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
