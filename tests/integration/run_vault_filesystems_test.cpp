// The vault on the file systems that can share blocks (btrfs, xfs): every sort of loss kept, taken back and done once
// more, in real sessions; what is kept of content shares its blocks with what was there. Subvolumes and project quotas,
// across which nothing can be renamed. On file systems in a file, made and mounted by the test itself.
#include <linux/fiemap.h>

#include "support/disks.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

constexpr const char* kLeave =
    "version = 1\nname = \"leave\"\nextends = [\"default\"]\n[[file]]\nops = [\"create\", \"delete\", \"rename\", "
    "\"truncate\", \"modify\", \"metadata\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n";

// Bytes of the file whose blocks another file has as well.
std::uint64_t shared_bytes(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  alignas(struct fiemap) char room[sizeof(struct fiemap) + 64 * sizeof(struct fiemap_extent)] = {};
  auto* map = reinterpret_cast<struct fiemap*>(room);
  map->fm_length = FIEMAP_MAX_OFFSET;
  map->fm_flags = FIEMAP_FLAG_SYNC;
  map->fm_extent_count = 64;
  std::uint64_t out = 0;
  if (::ioctl(fd, FS_IOC_FIEMAP, map) == 0) {
    for (unsigned i = 0; i < map->fm_mapped_extents; ++i)
      if ((map->fm_extents[i].fe_flags & FIEMAP_EXTENT_SHARED) != 0) out += map->fm_extents[i].fe_length;
  }
  ::close(fd);
  return out;
}

std::string manifests(const std::string& vault) {
  std::string out;
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(vault, ignored), end; at != end; at.increment(ignored))
    if (at->path().filename() == "manifest") out += get(at->path().string());
  return out;
}

std::vector<std::string> objects(const std::string& top) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(top, ignored), end; at != end; at.increment(ignored))
    if (at->is_regular_file(ignored) && at->path().parent_path().filename() == "objects")
      out.push_back(at->path().string());
  return out;
}

enum class State { Here, Elsewhere };  // where the first store is: on the same file system, or the home's

class DiskWorld : public World {
 public:
  DiskWorld(Who runs_as, const std::string& disk, State where) : World(runs_as) {
    profile_file = root + "/leave.toml";
    put(profile_file, kLeave);
    project = disk + "/work/project";
    fs::create_directories(project);
    if (where == State::Here) state = disk + "/work/state";
    fs::create_directories(state);
    const std::string tree = project + "/tree";
    put(tree + "/deep/deeper/one", "one\n");
    put(tree + "/deep/two", std::string(200'000, '2'));
    put(tree + "/name with\nnewline and \xff", "odd");
    fs::create_symlink("nowhere", tree + "/dangling");
    fs::create_hard_link(tree + "/deep/two", tree + "/second-name");
    ::mkfifo((tree + "/pipe").c_str(), 0640);
    ::setxattr((tree + "/deep/two").c_str(), "user.k", "v", 1, 0);
    ::chmod((tree + "/deep").c_str(), 0751);
    for (const char* name : {"/appended", "/truncated", "/replaced", "/edited", "/moded", "/written"})
      put(project + name, std::string(1 << 20, name[1]));
    put(project + "/renamed", "under its first name");
    {
      std::ofstream sparse(project + "/sparse", std::ios::binary);
      sparse.seekp(8 << 20);
      sparse << "tail";
    }
    own(disk + "/work");
  }
  void own(const std::string& top) const {
    const uid_t uid = who == Who::Ordinary ? ordinary_uid() : ::geteuid();
    for (const auto& entry : fs::recursive_directory_iterator(top)) ::lchown(entry.path().c_str(), uid, uid);
    ::lchown(top.c_str(), uid, uid);
    give();
  }
  [[nodiscard]] std::string vault() const { return state + "/assent/vault"; }
};

constexpr const char* kEverySortOfLoss =
    "rm -rf tree; echo more >>appended; : >truncated; echo new >own && mv own replaced; sed -i s/e/E/ edited; "
    "chmod 600 moded; mv renamed elsewhere; echo x | dd of=sparse conv=notrunc seek=1 2>/dev/null; "
    "dd if=/dev/zero of=written bs=4096 count=1 conv=notrunc 2>/dev/null; true";

class Disk : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

TEST_P(Disk, KeepsEverySortOfLossTakesItBackAndDoesItOnceMore) {
  const auto [type, who] = GetParam();
  for (const State where : {State::Here, State::Elsewhere}) {
    on_a_new(type, [&, who = who](const std::string& disk) {
      DiskWorld world(who, disk, where);
      const auto before = fingerprints(world.project);
      struct stat two {};
      ASSERT_EQ(0, ::stat((world.project + "/tree/deep/two").c_str(), &two));
      const auto outcome = world.shell_inside(kEverySortOfLoss);
      EXPECT_FALSE(there(world.project + "/tree")) << outcome.err;
      EXPECT_EQ(fs::file_size(world.project + "/truncated"), 0U) << outcome.err;
      const std::string lines = manifests(world.vault());
      EXPECT_NE(lines.find(" removed "), std::string::npos);
      EXPECT_NE(lines.find("how=moved"), std::string::npos);
      EXPECT_NE(lines.find("how=cloned"), std::string::npos);
      EXPECT_EQ(lines.find("how=copied"), std::string::npos) << lines;
      // The copies of what was changed in part share the rest with it.
      std::uint64_t shared = 0;
      for (const std::string& top : {world.vault(), disk})
        for (const auto& object : objects(top)) shared += shared_bytes(object);
      EXPECT_GE(shared, 1'500'000U);

      const auto after = fingerprints(world.project);
      const auto drilled = world.assent({"vault", "drill"});
      EXPECT_EQ(drilled.status, 0) << drilled.out << drilled.err;
      const auto undone = world.assent({"undo", "last"});
      EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
      EXPECT_EQ(damage(before), "") << undone.out;
      struct stat back {};
      ASSERT_EQ(0, ::stat((world.project + "/tree/deep/two").c_str(), &back));
      EXPECT_EQ(back.st_ino, two.st_ino) << "it was copied, not moved";
      const auto redone = world.assent({"redo"});
      EXPECT_EQ(redone.status, 0) << redone.out << redone.err;
      EXPECT_EQ(damage(after), "") << redone.out;
      const auto again = world.assent({"undo", "last"});
      EXPECT_EQ(again.status, 0) << again.out << again.err;
      EXPECT_EQ(damage(before), "") << again.out;
    });
    if (IsSkipped()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Disk,
                         ::testing::Combine(::testing::Values("btrfs", "xfs"), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param)) + "_" + name(std::get<1>(each.param));
                         });

class DiskOf : public AsEveryone {};

// Its objects have another device number, and no rename leads out of it.
TEST_P(DiskOf, ASubvolumeInTheProjectIsKeptByClones) {
  if (status_of("command -v btrfs") != 0) GTEST_SKIP() << "there is no btrfs command (scripts/setup test)";
  on_a_new("btrfs", [&](const std::string& disk) {
    DiskWorld world(GetParam(), disk, State::Elsewhere);
    const std::string inner = world.project + "/inner";
    ASSERT_EQ(status_of("btrfs subvolume create " + inner), 0);
    put(inner + "/precious", std::string(1 << 20, 'p'));
    put(inner + "/dir/changed", std::string(1 << 20, 'c'));
    put(inner + "/dir/small", "small\n");
    world.own(disk + "/work");
    struct stat outer {
    }, within{};
    ASSERT_EQ(0, ::stat(world.project.c_str(), &outer));
    ASSERT_EQ(0, ::stat(inner.c_str(), &within));
    ASSERT_NE(outer.st_dev, within.st_dev);
    const auto before = fingerprints(inner);
    const auto outcome = world.shell_inside("rm inner/precious; echo x >>inner/dir/changed; rm -r inner/dir/small");
    EXPECT_FALSE(there(inner + "/precious")) << outcome.err;
    const std::string lines = manifests(world.vault());
    EXPECT_NE(lines.find("how=cloned"), std::string::npos) << lines;
    EXPECT_EQ(lines.find("how=copied"), std::string::npos) << lines;
    const auto undone = world.assent({"undo", "last"});
    EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
    EXPECT_EQ(damage(before), "") << undone.out;
  });
}

// Nothing can be renamed into a folder that gives what is in it a project number of its own, as quotas by project do.
TEST_P(DiskOf, AFolderWithAProjectNumberOfItsOwnIsKeptByClones) {
  if (status_of("command -v xfs_io") != 0) GTEST_SKIP() << "there is no xfs_io (scripts/setup test)";
  on_a_new("xfs", [&](const std::string& disk) {
    DiskWorld world(GetParam(), disk, State::Here);
    const std::string inner = world.project + "/inner";
    put(inner + "/precious", std::string(1 << 20, 'p'));
    put(inner + "/dir/changed", std::string(1 << 20, 'c'));
    world.own(disk + "/work");
    ASSERT_EQ(status_of("xfs_io -c 'chproj -R 42' -c 'chattr -R +P' " + inner), 0);
    ASSERT_EQ(status_of("xfs_io -c 'chproj -R 43' -c 'chattr -R +P' " + world.state), 0);
    ASSERT_NE(::rename((inner + "/precious").c_str(), (world.state + "/precious").c_str()), 0) << "nothing to test";
    ASSERT_EQ(errno, EXDEV);
    const auto before = fingerprints(inner);
    const auto outcome = world.shell_inside("rm inner/precious; echo x >>inner/dir/changed");
    EXPECT_FALSE(there(inner + "/precious")) << outcome.err;
    const std::string lines = manifests(world.vault());
    EXPECT_NE(lines.find("how=cloned"), std::string::npos) << lines;
    EXPECT_EQ(lines.find("how=copied"), std::string::npos) << lines;
    const auto undone = world.assent({"undo", "last"});
    EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
    EXPECT_EQ(damage(before), "") << undone.out;
  });
}

INSTANTIATE_TEST_SUITE_P(Each, DiskOf, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
