// btrfs gives ordinary users calls on a folder's descriptor that take whole subvolumes away, snapshots too, and no name
// in them is ever looked at. In the view they meet a read-only mount.
#include "support/disks.h"

namespace assent::run_test {
namespace {

constexpr const char* kCalls = R"(
import fcntl, os, struct
def call(name, folder, number, size, argument):
    try:
        fcntl.ioctl(folder, 1 << 30 | size << 16 | 0x94 << 8 | number, bytearray(argument))
        print(name, 'ok')
    except OSError as error:
        print(name, os.strerror(error.errno))
def named(name, fd=0): return struct.pack('q4088s', fd, name)
def flags(name, value):
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    call('flags', folder, 26, 8, struct.pack('Q', value))
here = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
flags('sub', 2)
flags('sub', 0)
call('create', here, 14, 4096, named(b'new'))
call('snapshot', here, 1, 4096, named(b'another', os.open('sub', os.O_RDONLY | os.O_DIRECTORY)))
call('destroy', here, 15, 4096, named(b'snap'))
call('destroy_v2', here, 63, 4096, struct.pack('qQQ4Q4040s', 0, 0, 0, 0, 0, 0, 0, b'sub'))
)";

TEST(Subvolumes, AreNotTakenAwayThroughADescriptor) {
  if (status_of("command -v python3 && command -v btrfs") != 0) GTEST_SKIP() << "needs python3 and btrfs";
  on_a_new(
      "btrfs",
      [](const std::string& disk) {
        for (const auto who : everyone()) {
          World world(who);
          world.project = disk + "/" + name(who);
          for (const char* each : {"", "/sub"})
            ASSERT_EQ(status_of("btrfs subvolume create " + world.project + each), 0);
          put(world.project + "/sub/file", "here before the agent\n");
          ASSERT_EQ(status_of("btrfs subvolume snapshot " + world.project + "/sub " + world.project + "/snap"), 0);
          const uid_t uid = who == Who::Self ? ::geteuid() : ordinary_uid();
          for (const char* each : {"", "/sub", "/snap", "/sub/file"})
            ASSERT_EQ(::chown((world.project + each).c_str(), uid, uid), 0);

          const auto inside = world.run_inside({"python3", "-c", kCalls});
          EXPECT_EQ(inside.status, 0) << inside.err;
          EXPECT_EQ(inside.out.find("ok"), std::string::npos) << inside.out;
          EXPECT_NE(inside.out.find("destroy_v2 Read-only file system"), std::string::npos) << inside.out;
          for (const char* each : {"/sub/file", "/snap/file"}) EXPECT_TRUE(there(world.project + each)) << each;
          for (const char* each : {"/new", "/another"}) EXPECT_FALSE(there(world.project + each)) << each;

          const auto control = world.run({"python3", "-c", kCalls});
          EXPECT_EQ(control.out, "flags ok\nflags ok\ncreate ok\nsnapshot ok\ndestroy ok\ndestroy_v2 ok\n");
          for (const char* each : {"/sub", "/snap"})
            EXPECT_FALSE(there(world.project + each)) << each << ": the attack does no harm";
        }
      },
      "loop,user_subvol_rm_allowed");
}

}  // namespace
}  // namespace assent::run_test
