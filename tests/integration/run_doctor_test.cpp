// assent doctor on this machine, which runs the other tests and so must be well.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class Doctor : public AsEveryone {};

TEST_P(Doctor, TriesEachGateAndFindsItHeld) {
  const World world(GetParam());
  const auto outcome = world.assent({"doctor"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.out.find("missing"), std::string::npos) << outcome.out;
  for (const char* line : {"gate: unlink", "gate: truncate", "gate: open", "own work", "connections", "gate: connect",
                           "allowed connect", "resolver inside", "name servers"})
    EXPECT_NE(outcome.out.find(line), std::string::npos) << line << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, Doctor, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
