#include "launch/mount_build.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

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

constexpr std::array<const char*, 6> kDevices{"/dev/null",   "/dev/zero",    "/dev/full",
                                              "/dev/random", "/dev/urandom", "/dev/tty"};

int take_from(int& place) { return std::exchange(place, -1); }

// Always recursive: leaving out a mount that was inherited from the host is refused (EINVAL), for what it covers would
// come to light.
int clone_of(const char* path) {
  return ::open_tree(AT_FDCWD, path,
                     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | static_cast<unsigned>(AT_SYMLINK_NOFOLLOW));
}

bool make_device(int fd) {
  return set_attributes(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, MS_PRIVATE);
}

int prepared_device(Prepared& prepared, const char* path) {
  for (std::size_t i = 0; i < kDevices.size(); ++i) {
    if (std::strcmp(kDevices[i], path) == 0) return take_from(prepared.devices[i]);
  }
  return -1;
}

bool take_early(const MountOrders& plan, Prepared& prepared, bool before_lock_down, Stage& stage) {
  for (std::size_t i = 0; i < plan.early.size(); ++i) {
    const EarlyOrder& early = plan.early[i];
    const bool is_before = early.take == Early::Take::Writable || early.take == Early::Take::Device;
    if (is_before != before_lock_down) continue;
    int fd = -1;
    if (early.take == Early::Take::Device && (fd = prepared_device(prepared, early.path)) >= 0) {
      plan.descriptors[i] = fd;
      continue;
    }
    if (early.take == Early::Take::Folder) {
      fd = ::open(early.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (fd < 0) return failed(stage, At::OpenFolder, errno, early.path);
    } else {
      fd = clone_of(early.path);
      if (fd < 0 && !(early.may_be_missing && gone(errno))) {
        return failed(stage, At::TakeEarly, errno, early.path);
      }
    }
    if (fd >= 0 && early.take == Early::Take::Writable &&
        !set_attributes(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, kQuiet, MS_PRIVATE)) {
      return failed(stage, At::TakeEarly, errno, early.path);
    }
    if (fd >= 0 && early.take == Early::Take::Device && !make_device(fd)) {
      return failed(stage, At::TakeEarly, errno, early.path);
    }
    plan.descriptors[i] = fd;
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

// Read-only from birth: a root user without capabilities could still write /proc/sys by being its owner.
int new_proc() { return new_mount("proc", nullptr, nullptr, kQuiet | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY); }

int new_devpts() { return new_mount("devpts", "ptmxmode", "0666", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC); }

int usual_tmpfs(Prepared& prepared, mode_t mode) {
  const auto first = [](std::span<int> pool) {
    for (int& place : pool) {
      if (place >= 0) return take_from(place);
    }
    return -1;
  };
  const int fd = mode == 01777 ? first(prepared.open_tmpfs) : mode == 0755 ? first(prepared.plain_tmpfs) : -1;
  return fd >= 0 ? fd : new_tmpfs(mode, kQuiet);
}

bool attach(int mount, const char* path) {
  return ::move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

bool note_id(const MountOrders& plan, const StepOrder& step, int mount, Stage& stage) {
  if (step.report < 0) return true;
  struct statx out {};
  if (::statx(mount, "", AT_EMPTY_PATH, abi::kStatxMntId, &out) != 0) {
    return failed(stage, At::MountId, errno, step.path);
  }
  if ((out.stx_mask & abi::kStatxMntId) == 0) return failed(stage, At::MountId, ENOSYS, step.path);
  plan.mounts[static_cast<std::size_t>(step.report)] = out.stx_mnt_id;
  return true;
}

struct Builder {
  const MountOrders& plan;
  Prepared& prepared;
  Stage& stage;
  std::size_t sealed = 0;

  bool finish(const StepOrder& step, int mount) {
    if (!note_id(plan, step, mount, stage)) return false;
    if (step.seal) {
      plan.seals[sealed++] = mount;
    } else {
      ::close(mount);
    }
    return true;
  }

  bool place_new(const StepOrder& step, int mount, At at) {
    if (mount < 0) return failed(stage, at, errno, step.path);
    if (!attach(mount, step.path)) return failed(stage, At::AttachMount, errno, step.path);
    return finish(step, mount);
  }

  // What was listed may be gone by now; its mount point then stays, empty, and shows nothing of it.
  bool place_clone(const StepOrder& step, int mount) {
    if (mount < 0) return step.optional || failed(stage, At::AttachMount, ENOENT, step.path);
    if (!attach(mount, step.path)) {
      // A folder that became a file between listing and now (or the other way round) does not fit its place.
      if (step.optional && (gone(errno) || errno == EINVAL)) {
        ::close(mount);
        return true;
      }
      return failed(stage, At::AttachMount, errno, step.path);
    }
    return finish(step, mount);
  }

  bool made(const StepOrder& step, int result) {
    if (result == 0 || errno == EEXIST) return true;
    return failed(stage, At::MakePlace, errno, step.path);
  }

  bool mask_file(const StepOrder& step) {
    if (::mknod(kEmptyFile, S_IFREG | 0444, 0) != 0 && errno != EEXIST) {
      return failed(stage, At::MakePlace, errno, kEmptyFile);
    }
    const int mount = ::open_tree(AT_FDCWD, kEmptyFile, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0 || !set_attributes(mount, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY | kQuiet)) {
      return failed(stage, At::TakeEarly, errno, kEmptyFile);
    }
    return place_new(step, mount, At::AttachMount);
  }

  bool carry_out(const StepOrder& step) {
    const char* path = step.path;
    switch (step.act) {
      case Step::Act::Folder:
        return made(step, ::mkdir(path, step.mode));
      case Step::Act::File:
        return made(step, ::mknod(path, S_IFREG | step.mode, 0));
      case Step::Act::Link:
        return made(step, ::symlink(step.source, path));
      case Step::Act::Tmpfs:
        return place_new(step, usual_tmpfs(prepared, step.mode), At::NewTmpfs);
      case Step::Act::Proc:
        return place_new(step, prepared.proc >= 0 ? take_from(prepared.proc) : new_proc(), At::NewProc);
      case Step::Act::Devpts:
        return place_new(step, prepared.devpts >= 0 ? take_from(prepared.devpts) : new_devpts(), At::NewDevpts);
      case Step::Act::Attach:
        return place_clone(step, plan.descriptors[static_cast<std::size_t>(step.early)]);
      case Step::Act::Entry: {
        const int mount = ::open_tree(
            plan.descriptors[static_cast<std::size_t>(step.early)], step.source,
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

void prepare_mounts(Prepared& prepared) {
  for (std::size_t i = 0; i < kDevices.size(); ++i) {
    const int fd = clone_of(kDevices[i]);
    if (fd >= 0 && make_device(fd)) {
      prepared.devices[i] = fd;
    } else if (fd >= 0) {
      ::close(fd);
    }
  }
  prepared.proc = new_proc();
  prepared.devpts = new_devpts();
  for (int& fd : prepared.open_tmpfs) fd = new_tmpfs(01777, kQuiet);
  for (int& fd : prepared.plain_tmpfs) fd = new_tmpfs(0755, kQuiet);
}

bool build_mounts(const MountOrders& plan, Prepared& prepared, Stage& stage) {
  ::umask(0);
  if (!take_early(plan, prepared, true, stage)) return false;
  // The whole machine in one call. Private: what the host mounts from now on stays out.
  if (!set_attributes(AT_FDCWD, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | kQuiet, MS_PRIVATE)) {
    return failed(stage, At::LockDown, errno, "/");
  }
  if (!take_early(plan, prepared, false, stage)) return false;
  Builder builder{plan, prepared, stage};
  for (const StepOrder& step : plan.steps) {
    if (!builder.carry_out(step)) return false;
  }
  ::unlink(kEmptyFile);
  for (std::size_t i = 0; i < builder.sealed; ++i) {
    if (!set_attributes(plan.seals[i], "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY))
      return failed(stage, At::Seal, errno, "a new folder");
    ::close(plan.seals[i]);
  }
  for (std::size_t i = 0; i < plan.early.size(); ++i) {
    if (plan.early[i].take == Early::Take::Folder) ::close(plan.descriptors[i]);
  }
  return true;
}

}  // namespace assent::launch
