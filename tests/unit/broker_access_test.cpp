#include <fcntl.h>
#include <unistd.h>

#include "support/broker_fixture.h"

namespace assent::test {
namespace {

class BrokerAccess : public ::testing::Test {
 protected:
  int check(const std::string& name, int mode, int flags = 0) {
    return code_of(broker.check_access(CheckAccess{{AT_FDCWD, temp / name}, mode, flags}, target(temp / name)));
  }

  Folder temp;
  broker::Broker broker;
};

TEST_F(BrokerAccess, SaysWhatTheHostSays) {
  write_file(temp / "writable", "x");
  ::mkdir((temp / "folder").c_str(), 0755);
  EXPECT_EQ(0, check("writable", W_OK));
  EXPECT_EQ(0, check("writable", R_OK | W_OK));
  EXPECT_EQ(EACCES, check("writable", W_OK | X_OK)) << "not executable, for root neither";
  EXPECT_EQ(0, check("folder", W_OK));
  EXPECT_EQ(0, check("folder", W_OK, AT_EACCESS));
  EXPECT_EQ(ENOENT, check("missing", W_OK));
}

TEST_F(BrokerAccess, SaysNoOfWhatIsHiddenAndOfOurOwnNames) {
  write_file(temp / "hidden", "x");
  write_file(temp / ".assent-stage-1", "x");
  auto hidden = target(temp / "hidden");
  hidden.hidden = true;
  EXPECT_EQ(EACCES, code_of(broker.check_access(CheckAccess{{AT_FDCWD, ""}, W_OK, 0}, hidden)));
  EXPECT_EQ(EROFS, check(".assent-stage-1", W_OK));
}

}  // namespace
}  // namespace assent::test
