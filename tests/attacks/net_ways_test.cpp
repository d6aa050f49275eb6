// Ways to a service that nobody allowed, beside one that is allowed. The service itself counts who reached it; each
// control reaches it.
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
  fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/network_attacks.py",
                world.project + "/attack.py", fs::copy_options::overwrite_existing);
  return {"/usr/bin/python3", world.project + "/attack.py", way, kPeer};
}

const std::vector<std::string> kAllowed{"--allow-host", "198.51.100.2:7000",  "--allow-host", "198.51.100.2:7998",
                                        "--allow-host", "198.51.100.99:7000", "--allow-host", "*.rebind.test"};

class Reaching : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

TEST_P(Reaching, AServiceNobodyAllowedFails) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const auto [way, who] = GetParam();
  const World world(who);
  Network& net = *network();
  net.serve_on_host(world.home);
  (void)net.calls();
  // A race may be lost a few times on a busy machine.
  long reached = 0;
  Outcome control;
  for (int i = 0; i < 10 && reached == 0; ++i) {
    control = world.run(attack(world, way));
    reached = net.calls();
  }
  ASSERT_GT(reached, 0) << "the control did not reach it: this test proves nothing\n" << control.out << control.err;
  const auto inside = world.run(world.inside(attack(world, way), kAllowed));
  EXPECT_EQ(inside.status, 0) << inside.out << inside.err;
  EXPECT_EQ(net.calls(), 0) << inside.out << inside.err;
  net.stop_on_host();
}

INSTANTIATE_TEST_SUITE_P(
    Each, Reaching,
    ::testing::Combine(::testing::Values("plain", "mapped", "disconnect_and_dial", "dial_after_failure",
                                         "dial_after_shutdown", "fastopen_sendto", "fastopen_sendmsg",
                                         "fastopen_connect", "fastopen_on_an_allowed_socket", "multipath", "datagram",
                                         "datagram_connected", "raced_port", "raced_unix_path", "unix_path",
                                         "unix_path_by_link", "unix_abstract", "unix_datagram", "host_loopback",
                                         "host_loopback_by_zero", "rebound_metadata", "rebound_metadata_mapped",
                                         "rebound_host"),
                       ::testing::ValuesIn(everyone())),
    [](const auto& one) { return std::string(std::get<0>(one.param)) + "_" + name(std::get<1>(one.param)); });

class Turning : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

// An allowed connection is a socket of the host's network in the agent's hands: it is to be nothing else.
TEST_P(Turning, AnAllowedConnectionIntoSomethingElseFails) {
  if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  const auto [way, who] = GetParam();
  const World world(who);
  const auto control = world.run(attack(world, way));
  ASSERT_EQ(control.out, "ok\n") << control.err;
  const auto inside = world.run(world.inside(attack(world, way), kAllowed));
  EXPECT_EQ(inside.status, 0) << inside.err;
  EXPECT_TRUE(inside.out == "EPERM\n" || inside.out == "EINVAL\n" || inside.out == "ENODEV\n")
      << inside.out << inside.err;
}

INSTANTIATE_TEST_SUITE_P(
    Each, Turning,
    ::testing::Combine(::testing::Values("listen_on_a_failed_connection", "bind_a_failed_connection",
                                         "bind_by_exchange", "hardware_address", "to_a_device", "to_a_device_by_index",
                                         "route_options", "multicast_group", "multicast_source"),
                       ::testing::ValuesIn(everyone())),
    [](const auto& one) { return std::string(std::get<0>(one.param)) + "_" + name(std::get<1>(one.param)); });

}  // namespace
}  // namespace assent::run_test
