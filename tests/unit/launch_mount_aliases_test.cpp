#include "launch/mount_aliases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assent::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kRoot = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";

MountAliases with(const std::string& more) { return MountAliases(kRoot + more); }

TEST(MountAliases, AMachineWithoutSharedMountsHasNone) {
  const auto aliases = with("23 22 8:2 / /home rw - ext4 /dev/sda2 rw\n24 22 0:21 / /proc rw - proc proc rw\n");
  EXPECT_THAT(aliases.of("/home/u/.ssh"), IsEmpty());
  EXPECT_THAT(aliases.of("/"), IsEmpty());
  EXPECT_THAT(MountAliases("").of("/home/u"), IsEmpty());
}

TEST(MountAliases, AFolderBoundElsewhereShowsTheSame) {
  const auto aliases = with("23 22 8:1 /home/u /mnt/copy rw shared:1 - ext4 /dev/sda1 rw\n");
  EXPECT_THAT(aliases.of("/home/u/.ssh"), ElementsAre("/mnt/copy/.ssh"));
  EXPECT_THAT(aliases.of("/home/u"), ElementsAre("/mnt/copy"));
  EXPECT_THAT(aliases.of("/home/other/.ssh"), IsEmpty());
  EXPECT_THAT(aliases.of("/home/uu"), IsEmpty());
}

TEST(MountAliases, AHomeThatIsItselfABindMountIsFoundWhereItReallyLies) {
  const auto aliases = with("23 22 8:1 /data/homes /home rw - ext4 /dev/sda1 rw\n");
  EXPECT_THAT(aliases.of("/home/u/.ssh"), ElementsAre("/data/homes/u/.ssh"));
  EXPECT_THAT(aliases.of("/data/homes/u/.ssh"), ElementsAre("/home/u/.ssh"));
}

TEST(MountAliases, AFileSystemMountedTwiceAndItsSubvolumesToo) {
  const auto aliases = with(
      "23 22 0:30 /@home /home rw - btrfs /dev/sdb rw\n"
      "24 22 0:30 / /mnt/pool rw - btrfs /dev/sdb rw\n"
      "25 22 0:30 /@home/u/.ssh /srv/keys rw - btrfs /dev/sdb rw\n");
  EXPECT_THAT(aliases.of("/home/u/.ssh"), UnorderedElementsAre("/mnt/pool/@home/u/.ssh", "/srv/keys"));
  EXPECT_THAT(aliases.of("/home/u/.ssh/id"), UnorderedElementsAre("/mnt/pool/@home/u/.ssh/id", "/srv/keys/id"));
}

TEST(MountAliases, WhatIsMountedBeneathAHiddenFolderIsHiddenElsewhereToo) {
  const auto aliases = with(
      "23 22 8:5 / /home/u/.secrets/disk rw - ext4 /dev/sda5 rw\n"
      "24 22 8:5 / /media/disk rw - ext4 /dev/sda5 rw\n");
  EXPECT_THAT(aliases.of("/home/u/.secrets"), ElementsAre("/media/disk"));
}

TEST(MountAliases, WhatSomethingElseLiesOverIsNoAlias) {
  const auto aliases = with(
      "23 22 8:1 /home/u /mnt/copy rw - ext4 /dev/sda1 rw\n"
      "24 23 8:9 / /mnt/copy rw - ext4 /dev/sda9 rw\n");
  EXPECT_THAT(aliases.of("/home/u/.ssh"), IsEmpty());
}

TEST(MountAliases, OddNamesAndRootsOutOfSightAreRead) {
  const auto aliases = with(
      "23 22 8:1 /home/u /mnt/a\\040b\\134c rw - ext4 /dev/sda1 rw\n"
      "24 22 8:1 /../.. /mnt/out rw - ext4 /dev/sda1 rw\n"
      "not a mount at all\n");
  EXPECT_THAT(aliases.of("/home/u/.ssh"), ElementsAre("/mnt/a b\\c/.ssh"));
}

}  // namespace
}  // namespace assent::launch
