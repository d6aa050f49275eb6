// Other kinds of sockets, other uses of an allowed one, other networks. Each control, run as root where it takes that,
// does what the attack is after.
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

std::vector<std::string> attack(const World& world, const char* way) {
  fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/socket_kinds.py", world.project + "/attack.py",
                fs::copy_options::overwrite_existing);
  return {"/usr/bin/python3", world.project + "/attack.py", way, kPeer};
}

const std::vector<std::string> kAllowed{"--allow-host", "198.51.100.2:7000"};

class Kinds : public ::testing::TestWithParam<const char*> {};

// The service that nobody allowed counts who reaches it.
TEST_P(Kinds, ReachNobody) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  Network& net = *network();
  const World owner;
  net.serve_on_host(owner.home);
  (void)net.calls();
  const auto control = owner.run(attack(owner, GetParam()));
  ASSERT_GT(net.calls(), 0) << "the control did not reach it: this test proves nothing\n" << control.out << control.err;
  for (const Who who : everyone()) {
    const World world(who);
    const auto inside = world.run(world.inside(attack(world, GetParam()), kAllowed));
    EXPECT_EQ(inside.status, 0) << inside.out << inside.err;
    EXPECT_EQ(net.calls(), 0) << name(who) << inside.out << inside.err;
  }
  net.stop_on_host();
}

INSTANTIATE_TEST_SUITE_P(Each, Kinds, ::testing::Values("raw", "packet", "passed_and_redialled", "mapped_loopback"),
                         [](const auto& one) { return std::string(one.param); });

struct Use {
  const char* way;
  const char* refusal;
};
void PrintTo(const Use& use, std::ostream* out) { *out << use.way; }

class Uses : public ::testing::TestWithParam<Use> {};

TEST_P(Uses, AreRefused) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const auto [way, refusal] = GetParam();
  // A descriptor of the host's network is what the last one is handed as its standard input.
  Stdio stdio;
  stdio.in = "/proc/self/ns/net";
  const World owner;
  const auto control = owner.run(attack(owner, way), stdio);
  if (control.out == "EPROTONOSUPPORT\n" || control.out == "EAFNOSUPPORT\n")
    GTEST_SKIP() << "this kernel has no such sockets; the filter's own tests refuse them";
  ASSERT_EQ(control.out, "ok\n") << "the control failed: this test proves nothing\n" << control.err;
  for (const Who who : everyone()) {
    const World world(who);
    const auto inside = world.run(world.inside(attack(world, way), kAllowed), stdio);
    EXPECT_EQ(inside.out, std::string(refusal) + "\n") << name(who) << inside.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Uses,
                         ::testing::Values(Use{"raw_six", "EPROTONOSUPPORT"}, Use{"stream_control", "EPROTONOSUPPORT"},
                                           Use{"virtual_machine", "EAFNOSUPPORT"},
                                           Use{"sockets_of_others", "EPROTONOSUPPORT"},
                                           Use{"packet_filter", "EPROTONOSUPPORT"}, Use{"new_address", "EPERM"},
                                           Use{"mark", "EPERM"}, Use{"enter_own_network", "EPERM"},
                                           Use{"enter_given_network", "EPERM"}, Use{"ask_a_driver", "EPERM"},
                                           Use{"set_a_device", "EPERM"}, Use{"add_a_route", "EPERM"}),
                         [](const auto& one) { return std::string(one.param.way); });

}  // namespace
}  // namespace assent::run_test
