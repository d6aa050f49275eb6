#include "broker/arguments.h"

#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

namespace assent::broker {
namespace {

Open open_with(std::uint64_t flags, std::uint64_t mode = 0, OpenCall call = OpenCall::Open) {
  return {{}, flags, mode, 0, call};
}
SetMetadata times(long a, long b) { return {{}, Follow::Yes, SetTimes{std::array<timespec, 2>{{{0, a}, {0, b}}}}}; }

TEST(BrokerArguments, Openat2IsStrictWhereOpenIgnores) {
  constexpr std::uint64_t unknown = 0x20000000;
  EXPECT_EQ(std::nullopt, invalid_arguments(open_with(O_WRONLY | unknown)));
  EXPECT_EQ(EINVAL, invalid_arguments(open_with(O_WRONLY | unknown, 0, OpenCall::Openat2)));
  EXPECT_EQ(EINVAL, invalid_arguments(open_with(O_WRONLY, 0600, OpenCall::Openat2)));
  EXPECT_EQ(EINVAL, invalid_arguments(open_with(O_PATH | O_WRONLY, 0, OpenCall::Openat2)));
  EXPECT_EQ(static_cast<std::uint64_t>(O_PATH), effective_flags(open_with(O_PATH | O_WRONLY | O_CREAT)));
}

TEST(BrokerArguments, ANamelessFileMustBeWritable) {
  EXPECT_EQ(EINVAL, invalid_arguments(open_with(O_TMPFILE | O_RDONLY)));
  EXPECT_EQ(EINVAL, invalid_arguments(open_with(O_TMPFILE | O_RDWR | O_CREAT)));
  EXPECT_EQ(std::nullopt, invalid_arguments(open_with(O_TMPFILE | O_RDWR)));
}

TEST(BrokerArguments, RenameFlagsThatContradictAreRefused) {
  EXPECT_EQ(EINVAL, invalid_arguments(Rename{{}, {}, RENAME_EXCHANGE | RENAME_NOREPLACE}));
  EXPECT_EQ(EINVAL, invalid_arguments(Rename{{}, {}, RENAME_WHITEOUT}));
  EXPECT_EQ(EINVAL, invalid_arguments(Rename{{}, {}, 8}));
  EXPECT_EQ(std::nullopt, invalid_arguments(Rename{{}, {}, RENAME_EXCHANGE}));
}

TEST(BrokerArguments, OmittingBothTimesIsNothingToDo) {
  EXPECT_TRUE(nothing_to_do(times(UTIME_OMIT, UTIME_OMIT)));
  EXPECT_FALSE(nothing_to_do(times(UTIME_OMIT, UTIME_NOW)));
  // After the path was looked at, as in the kernel: foresee() and the act itself refuse it.
  EXPECT_EQ(std::nullopt, invalid_arguments(times(-1, 0)));
}

TEST(BrokerArguments, OurNamesAreReserved) {
  EXPECT_TRUE(reserved_name(".assent-stage-1"));
  EXPECT_FALSE(reserved_name(".assent.toml"));
  EXPECT_FALSE(reserved_name(".assent"));
  Target target;
  target.path = "/home/user/.assent-1000/kept";
  EXPECT_EQ(EPERM, refused(target));
  target.path = "/home/user/assent-1000/kept";
  EXPECT_EQ(std::nullopt, refused(target));
}

}  // namespace
}  // namespace assent::broker
