#include "launch/mount_build.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/kernel_abi.h"
#include "launch/kernel.h"

namespace assent::launch {

namespace {

constexpr unsigned kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr char kEmptyFile[] = "/dev/.empty";

bool set_attributes(int fd, const char* path, unsigned flags, std::uint64_t set, std::uint64_t propagation = 0) {
  struct mount_attr attributes {};
  attributes.attr_set = set;
  attributes.propagation = propagation;
  return ::mount_setattr(fd, path, flags, &attributes, sizeof attributes) == 0;
}

// A neighbour that cannot be taken along (another user's FUSE mount, a dead server) is left out: its place is empty.
bool unreachable(int code) {
  return code == EACCES || code == EPERM || code == EIO || code == ENOTCONN || code == ESTALE;
}

bool gone(int code) { return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENXIO; }

bool take_early(const MountPlan& plan, std::span<int> descriptors, bool before_lock_down, Stage& stage) {
  for (std::size_t i = 0; i < plan.early.size(); ++i) {
    const Early& early = plan.early[i];
    const bool is_before = early.take == Early::Take::Writable || early.take == Early::Take::Device;
    if (is_before != before_lock_down) continue;
    int fd = -1;
    if (early.take == Early::Take::Folder) {
      fd = ::open(early.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (fd < 0) return failed(stage, At::OpenFolder, errno, early.path.c_str());
    } else {
      // Always recursive: leaving out a mount that was inherited from the host is refused (EINVAL), for what it
      // covers would come to light.
      fd = ::open_tree(AT_FDCWD, early.path.c_str(),
                       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | static_cast<unsigned>(AT_SYMLINK_NOFOLLOW));
      if (fd < 0 && !(early.may_be_missing && gone(errno))) {
        return failed(stage, At::TakeEarly, errno, early.path.c_str());
      }
    }
    if (fd >= 0 && early.take == Early::Take::Writable &&
        !set_attributes(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, kQuiet, MS_PRIVATE)) {
      return failed(stage, At::TakeEarly, errno, early.path.c_str());
    }
    if (fd >= 0 && early.take == Early::Take::Device &&
        !set_attributes(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, MS_PRIVATE)) {
      return failed(stage, At::TakeEarly, errno, early.path.c_str());
    }
    descriptors[i] = fd;
  }
  return true;
}

// A new file system, not yet anywhere. -1 with errno.
int new_mount(const char* type, const char* key, const char* value, unsigned attributes) {
  const int context = ::fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int mount = -1;
  if ((key == nullptr || ::fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) == 0) &&
      ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    mount = ::fsmount(context, FSMOUNT_CLOEXEC, attributes);
  }
  const int code = errno;
  ::close(context);
  errno = code;
  return mount;
}

int new_tmpfs(mode_t mode, unsigned attributes) {
  char octal[8];
  octal[0] = '0';
  for (int i = 0; i < 4; ++i) octal[1 + i] = static_cast<char>('0' + ((mode >> (3 * (3 - i))) & 7));
  octal[5] = '\0';
  return new_mount("tmpfs", "mode", octal, attributes);
}

bool attach(int mount, const char* path) {
  return ::move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

bool note_id(const Step& step, int mount, Stage& stage) {
  if (step.report < 0) return true;
  struct statx out {};
  if (::statx(mount, "", AT_EMPTY_PATH, abi::kStatxMntId, &out) != 0) {
    return failed(stage, At::MountId, errno, step.path.c_str());
  }
  if ((out.stx_mask & abi::kStatxMntId) == 0) return failed(stage, At::MountId, ENOSYS, step.path.c_str());
  stage.mount_ids[step.report] = out.stx_mnt_id;
  return true;
}

struct Builder {
  const MountPlan& plan;
  std::span<int> descriptors;
  std::span<int> seals;
  Stage& stage;
  std::size_t sealed = 0;

  bool finish(const Step& step, int mount) {
    if (!note_id(step, mount, stage)) return false;
    if (step.seal) {
      seals[sealed++] = mount;
    } else {
      ::close(mount);
    }
    return true;
  }

  bool place_new(const Step& step, int mount, At at) {
    if (mount < 0) return failed(stage, at, errno, step.path.c_str());
    if (!attach(mount, step.path.c_str())) return failed(stage, At::AttachMount, errno, step.path.c_str());
    return finish(step, mount);
  }

  // What was listed may be gone by now; its mount point then stays, empty, and shows nothing of it.
  bool place_clone(const Step& step, int mount) {
    if (mount < 0) return step.optional || failed(stage, At::AttachMount, ENOENT, step.path.c_str());
    if (!attach(mount, step.path.c_str())) {
      // A folder that became a file between listing and now (or the other way round) does not fit its place.
      if (step.optional && (gone(errno) || errno == EINVAL)) {
        ::close(mount);
        return true;
      }
      return failed(stage, At::AttachMount, errno, step.path.c_str());
    }
    return finish(step, mount);
  }

  bool made(const Step& step, int result) {
    if (result == 0 || errno == EEXIST) return true;
    return failed(stage, At::MakePlace, errno, step.path.c_str());
  }

  bool mask_file(const Step& step) {
    if (::mknod(kEmptyFile, S_IFREG | 0444, 0) != 0 && errno != EEXIST) {
      return failed(stage, At::MakePlace, errno, kEmptyFile);
    }
    const int mount = ::open_tree(AT_FDCWD, kEmptyFile, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0 || !set_attributes(mount, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY | kQuiet)) {
      return failed(stage, At::TakeEarly, errno, kEmptyFile);
    }
    return place_new(step, mount, At::AttachMount);
  }

  bool carry_out(const Step& step) {
    const char* path = step.path.c_str();
    switch (step.act) {
      case Step::Act::Folder:
        return made(step, ::mkdir(path, step.mode));
      case Step::Act::File:
        return made(step, ::mknod(path, S_IFREG | step.mode, 0));
      case Step::Act::Link:
        return made(step, ::symlink(step.source.c_str(), path));
      case Step::Act::Tmpfs:
        return place_new(step, new_tmpfs(step.mode, kQuiet), At::NewTmpfs);
      case Step::Act::Proc:
        // Read-only from birth: a root user without capabilities could still write /proc/sys by being its owner.
        return place_new(step, new_mount("proc", nullptr, nullptr, kQuiet | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY),
                         At::NewProc);
      case Step::Act::Devpts:
        return place_new(step, new_mount("devpts", "ptmxmode", "0666", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC),
                         At::NewDevpts);
      case Step::Act::Attach:
        return place_clone(step, descriptors[static_cast<std::size_t>(step.early)]);
      case Step::Act::Entry: {
        const int mount = ::open_tree(
            descriptors[static_cast<std::size_t>(step.early)], step.source.c_str(),
            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | static_cast<unsigned>(AT_SYMLINK_NOFOLLOW));
        if (mount < 0 && !gone(errno) && !unreachable(errno)) return failed(stage, At::TakeEarly, errno, path);
        return place_clone(step, mount);
      }
      case Step::Act::MaskFile:
        return mask_file(step);
      case Step::Act::MaskFolder:
        return place_new(step, new_tmpfs(0555, kQuiet | MOUNT_ATTR_RDONLY), At::NewTmpfs);
    }
    return failed(stage, At::AttachMount, EINVAL, path);
  }
};

}  // namespace

bool failed(Stage& stage, At at, int code, const char* object) {
  stage.at = at;
  stage.code = code == 0 ? EIO : code;
  std::strncpy(stage.object, object, sizeof stage.object - 1);
  return false;
}

bool build_mounts(const MountPlan& plan, std::span<int> descriptors, std::span<int> seals, Stage& stage) {
  ::umask(0);
  if (!take_early(plan, descriptors, true, stage)) return false;
  // The whole machine in one call. Private: what the host mounts from now on stays out.
  if (!set_attributes(AT_FDCWD, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | kQuiet, MS_PRIVATE)) {
    return failed(stage, At::LockDown, errno, "/");
  }
  if (!take_early(plan, descriptors, false, stage)) return false;
  Builder builder{plan, descriptors, seals, stage};
  for (const Step& step : plan.steps) {
    if (!builder.carry_out(step)) return false;
  }
  ::unlink(kEmptyFile);
  for (std::size_t i = 0; i < builder.sealed; ++i) {
    if (!set_attributes(seals[i], "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY))
      return failed(stage, At::Seal, errno, "a new folder");
    ::close(seals[i]);
  }
  for (std::size_t i = 0; i < plan.early.size(); ++i) {
    if (plan.early[i].take == Early::Take::Folder) ::close(descriptors[i]);
  }
  return true;
}

}  // namespace assent::launch
