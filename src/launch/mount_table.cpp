#include "launch/mount_table.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

namespace assent::launch {

namespace {

constexpr long kConfigfsMagic = 0x62656570;
constexpr long kMqueueMagic = 0x19800202;
constexpr long kFusectlMagic = 0x65735543;

bool is_kernel_file_system(int fd) {
  static constexpr std::array<long, 17> kMagics{
      PROC_SUPER_MAGIC, SYSFS_MAGIC,        CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
      SECURITYFS_MAGIC, BPF_FS_MAGIC,       PSTOREFS_MAGIC,     EFIVARFS_MAGIC,      SELINUX_MAGIC, SMACK_MAGIC,
      NSFS_MAGIC,       DEVPTS_SUPER_MAGIC, kConfigfsMagic,     kMqueueMagic,        kFusectlMagic};
  struct statfs facts {};
  if (::fstatfs(fd, &facts) != 0) return false;
  return std::find(kMagics.begin(), kMagics.end(), static_cast<long>(facts.f_type)) != kMagics.end();
}

}  // namespace

const MountEntry* MountTable::find(std::uint64_t mount_id) const {
  const auto found = entries_.find(mount_id);
  return found == entries_.end() ? nullptr : &found->second;
}

Zone MountTable::zone(std::uint64_t mount_id, int fd) {
  if (const MountEntry* entry = find(mount_id)) return entry->zone;
  if (fd < 0) return Zone::Read;
  const Zone zone = is_kernel_file_system(fd) ? Zone::Kernel : Zone::Read;
  add(mount_id, MountEntry{zone, MountKind::Plain, {}, true});
  return zone;
}

}  // namespace assent::launch
