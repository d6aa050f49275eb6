#include "session/outer_sockets.h"

#include <gtest/gtest.h>

namespace assent::session {
namespace {

TEST(OuterSockets, TakesEachPathOfTheTableOnceAndNoAbstractName) {
  EXPECT_EQ(bound_paths("Num       RefCount Protocol Flags    Type St Inode Path\n"
                        "0000000000000000: 00000002 00000000 00010000 0001 01 21432 /run/dbus/system_bus_socket\n"
                        "0000000000000000: 00000003 00000000 00000000 0001 03 21433 /run/dbus/system_bus_socket\n"
                        "0000000000000000: 00000002 00000000 00010000 0001 01 21434 @/tmp/.X11-unix/X0\n"
                        "0000000000000000: 00000003 00000000 00000000 0001 03 21435\n"
                        "0000000000000000: 00000002 00000000 00010000 0001 01 21436 /tmp/a name with spaces\n"
                        "0000000000000000: 00000002 00000000 00010000 0001 01 21437 relative.sock\n"
                        "0000000000000000: 00000002 00000000 00010000 0001 01 21438 /tmp/cut"),
            (std::vector<std::string>{"/run/dbus/system_bus_socket", "/tmp/a name with spaces", "/tmp/cut"}));
  EXPECT_TRUE(bound_paths("").empty());
}

}  // namespace
}  // namespace assent::session
