// Much at once: nothing hangs, and the supervisor holds no more afterwards than before.
#include <memory>

#include "support/network.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

Network* network() {
  static const std::unique_ptr<Network> only(::geteuid() == 0 ? new Network : nullptr);
  return only.get();
}

long descriptors(pid_t process) {
  long out = 0;
  for ([[maybe_unused]] const auto& one : fs::directory_iterator("/proc/" + std::to_string(process) + "/fd")) ++out;
  return out;
}

long resident_kib(pid_t process) {
  const std::string status = get("/proc/" + std::to_string(process) + "/status");
  return std::atol(status.c_str() + status.find("VmRSS:") + 6);
}

class Load : public ::testing::Test {
 protected:
  void SetUp() override {
    if (network() == nullptr) GTEST_SKIP() << "needs root, for a network of its own";
  }
  struct Held {
    long descriptors = -1;
    long kib = -1;
    std::string out;
  };
  // Looks at the supervisor when the client has made the file `when`.
  static Held run(const std::vector<std::string>& arguments, const char* when) {
    const World world(Who::Self);
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/load.py", world.project + "/load.py");
    std::vector<std::string> argv{"/usr/bin/python3", world.project + "/load.py"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    Held held;
    const auto outcome = world.run(world.inside(argv, {"--allow-host", "198.51.100.0/24", "--allow-host", "*.test"}),
                                   {}, [&](pid_t child) {
                                     for (int i = 0; i < 5000 && when != nullptr;
                                          ++i, std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
                                       if (!there(world.project + "/" + when)) continue;
                                       held.descriptors = descriptors(child);
                                       held.kib = resident_kib(child);
                                       put(world.project + "/measured", "");
                                       return;
                                     }
                                   });
    held.out = outcome.out;
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return held;
  }
};

TEST_F(Load, TenThousandConnectionsOneAfterTheOther) {
  const Held held = run({"sequential", kPeer, "10000"}, "done");
  EXPECT_EQ(held.out, "10000\n");
  EXPECT_LT(held.descriptors, 100);
  EXPECT_LT(held.kib, 64 << 10);
}

TEST_F(Load, FiveHundredOpenAtOnceAreTheAgentsOwn) {
  const Held held = run({"open", kPeer, "500"}, "open");
  EXPECT_EQ(held.out, "500\n");
  EXPECT_LT(held.descriptors, 100) << "the supervisor has no part in a connection that was made";
  EXPECT_LT(held.kib, 64 << 10);
}

TEST_F(Load, ConnectsThatWaitDoNotHoldUpOthers) { EXPECT_EQ(run({"waits", kPeer, "100"}, nullptr).out, "200\n"); }

TEST_F(Load, AFloodOfLookupsEnds) {
  const Held held = run({"lookups", kPeer, "10000"}, "done");
  EXPECT_EQ(held.out, "10000\n198.51.100.2\n");
  EXPECT_LT(held.descriptors, 200);
  EXPECT_LT(held.kib, 96 << 10);
}

}  // namespace
}  // namespace assent::run_test
