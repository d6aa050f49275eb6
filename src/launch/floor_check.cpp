#include "launch/floor_check.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "launch/kernel.h"
#include "launch/mount_build.h"

namespace assent::launch {

namespace {

// A file without a name: if the write goes through after all, it leaves nothing behind.
int try_to_write(int folder, const char* path) {
  const int fd = ::openat(folder, path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

bool check_read_only(const MountOrders& plan, Stage& stage) {
  for (const ReportOrder& entry : plan.reports) {
    if (entry.zone != Zone::Gated) continue;
    int code = try_to_write(AT_FDCWD, entry.path);
    if (code == ENOTDIR) {  // a single file is gated
      const int fd = ::open(entry.path, O_WRONLY | O_CLOEXEC);
      code = fd >= 0 ? 0 : (errno == EACCES ? EROFS : errno);
    }
    if (code != EROFS) return failed(stage, At::FloorCheck, code, "a gated folder is not read-only");
  }
  if (const int code = try_to_write(AT_FDCWD, "/"); code != EROFS) {
    return failed(stage, At::FloorCheck, code, "the root folder is not read-only");
  }
  const int knob = ::open("/proc/sys/kernel/hostname", O_WRONLY | O_CLOEXEC);
  if (knob >= 0 || (errno != EROFS && errno != EACCES && errno != EPERM)) {
    return failed(stage, At::FloorCheck, knob >= 0 ? 0 : errno, "/proc/sys can be written");
  }
  return true;
}

bool check_powerless(Stage& stage) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return failed(stage, At::FloorCheck, errno, "capget");
  for (const auto& set : sets) {
    if ((set.effective | set.permitted | set.inheritable) != 0) {
      return failed(stage, At::FloorCheck, EPERM, "capabilities are left");
    }
  }
  for (unsigned long capability = 0; capability < 64; ++capability) {
    const int has = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (has < 0) break;  // the first number that the kernel does not know
    if (has != 0) return failed(stage, At::FloorCheck, EPERM, "the bounding set is not empty");
  }
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
    return failed(stage, At::FloorCheck, EPERM, "no_new_privs is not set");
  }
  if (::mount("none", "/", "tmpfs", 0, nullptr) == 0 || errno != EPERM) {
    return failed(stage, At::FloorCheck, errno, "mount was not refused");
  }
  return true;
}

// On the host's own mount only Landlock stands in the way; the supervisor has just done there what is refused here.
bool check_landlock(int host_folder, Stage& stage) {
  if (host_folder < 0) return true;  // nothing to try it on: not proved, and so no proof will rest on it
  const int code = try_to_write(host_folder, ".");
  if (code != EACCES) return failed(stage, At::FloorCheck, code, "Landlock let a write on the host's mount pass");
  stage.landlock_tried = true;
  return true;
}

bool check_hidden(const MountOrders& plan, Stage& stage) {
  for (const char* path : plan.absent) {
    struct stat stat {};
    if (::lstat(path, &stat) == 0) return failed(stage, At::FloorCheck, EEXIST, "a hidden name can be seen");
  }
  for (std::size_t i = 0; i < plan.reports.size(); ++i) {
    if (plan.reports[i].kind != MountKind::Mask) continue;
    struct statx seen {};
    if (::statx(AT_FDCWD, plan.reports[i].path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &seen) != 0) {
      // Whoever cannot reach the name cannot read what it hides.
      if (errno == EACCES || errno == ENOENT) continue;
      return failed(stage, At::FloorCheck, errno, plan.reports[i].path);
    }
    if (seen.stx_mnt_id != plan.mounts[i]) {
      return failed(stage, At::FloorCheck, EEXIST, "a masked name is not covered");
    }
  }
  return true;
}

}  // namespace

bool check_floor(const MountOrders& plan, int host_folder, Stage& stage) {
  if (!check_read_only(plan, stage) || !check_powerless(stage) || !check_hidden(plan, stage)) return false;
  return stage.landlock_abi == 0 || check_landlock(host_folder, stage);
}

}  // namespace assent::launch
