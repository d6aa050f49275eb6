#include "broker/foresight.h"

#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "broker/act.h"
#include "broker/arguments.h"
#include "broker/permission.h"

namespace assent::broker {
namespace {

using Errno = std::optional<int>;

constexpr std::uint64_t kTmpFileBit = O_TMPFILE & ~O_DIRECTORY;

bool only_slashes(const std::string& path) { return !path.empty() && path.find_first_not_of('/') == std::string::npos; }

bool is_last_name(const Target& target) {
  return target.spelling == Spelling::Plain || target.spelling == Spelling::TrailingSlash;
}

bool is_directory(const Target& target) { return target.stat && S_ISDIR(target.stat->stx_mode); }
bool is_symlink(const Target& target) { return target.stat && S_ISLNK(target.stat->stx_mode); }
bool is_regular(const Target& target) { return target.stat && S_ISREG(target.stat->stx_mode); }

// In the agent's view something is mounted on the name, so the name cannot be removed or replaced.
bool is_mount_point(const Target& target) {
  if (!target.exists()) return false;
  if ((target.stat->stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) return true;
  return target.parent && target.mount != 0 && target.parent->mount != 0 && target.mount != target.parent->mount;
}

bool bad_time(const timespec& time) {
  return time.tv_nsec != UTIME_NOW && time.tv_nsec != UTIME_OMIT && (time.tv_nsec < 0 || time.tv_nsec > 999'999'999);
}

bool lies_below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         (directory == "/" || path[directory.size()] == '/');
}

class Ahead {
 public:
  explicit Ahead(Look look, std::span<const Target> targets) : disk_(look == Look::Disk), targets_(targets) {}

  Errno operator()(const Remove& act) const {
    const Target& target = targets_[0];
    return act.kind == RemoveKind::File ? unlink(target) : rmdir(act, target);
  }

  Errno operator()(const Rename& act) const { return rename(act, targets_[0], targets_[1]); }

  Errno rename(const Rename& act, const Target& from, const Target& to) const {
    const bool exchange = (act.flags & RENAME_EXCHANGE) != 0;
    const bool noreplace = (act.flags & RENAME_NOREPLACE) != 0;
    if (!from.parent || !to.parent) return EBUSY;
    if (from.parent->mount != to.parent->mount) return EXDEV;
    if (!is_last_name(from)) return EBUSY;
    if (!is_last_name(to)) return noreplace ? EEXIST : EBUSY;
    if (read_only(*from.parent)) return EROFS;
    if (!from.exists()) return ENOENT;
    if (noreplace && to.exists()) return EEXIST;
    if (exchange) {
      if (!to.exists()) return ENOENT;
      if (!is_directory(to) && to.spelling == Spelling::TrailingSlash) return ENOTDIR;
    }
    if (!is_directory(from)) {
      if (from.spelling == Spelling::TrailingSlash) return ENOTDIR;
      if (!exchange && to.spelling == Spelling::TrailingSlash) return ENOTDIR;
    }
    if (is_directory(from) && lies_below(to.path, from.path)) return EINVAL;
    if (to.exists() && lies_below(from.path, to.path)) return exchange ? EINVAL : ENOTEMPTY;
    if (to.exists() && from.id == to.id) return std::nullopt;  // two names of one object: nothing happens
    if (auto code = may_delete(from)) return code;
    if (!to.exists()) {
      if (auto code = may_create(*to.parent)) return code;
    } else {
      if (auto code = may_delete(to)) return code;
      if (!exchange && is_directory(from) && !is_directory(to)) return ENOTDIR;
      if (!exchange && !is_directory(from) && is_directory(to)) return EISDIR;
    }
    if (from.parent->id != to.parent->id) {
      if (is_directory(from)) {
        if (auto code = may_write_directory(from)) return code;
      }
      if (exchange && is_directory(to)) {
        if (auto code = may_write_directory(to)) return code;
      }
    }
    if (is_mount_point(from) || is_mount_point(to)) return EBUSY;
    if (!exchange && is_directory(to) && not_empty(to)) return ENOTEMPTY;
    return std::nullopt;
  }

  Errno operator()(const Truncate& act) const {
    const Target& target = targets_[0];
    if (act.length < 0) return EINVAL;
    if (!target.exists()) return ENOENT;
    if (is_directory(target)) return EISDIR;
    if (target.spelling != Spelling::Plain) return ENOTDIR;
    if (!is_regular(target)) return EINVAL;
    return may_write(target);
  }

  Errno operator()(const Open& act) const { return open(effective_flags(act), targets_[0]); }

  Errno operator()(const Link&) const {
    const Target& from = targets_[0];
    const Target& to = targets_[1];
    if (!from.exists()) return ENOENT;
    if (from.spelling == Spelling::TrailingSlash && !is_directory(from)) return ENOTDIR;
    if (!is_last_name(to) || to.exists()) return EEXIST;
    if (to.spelling == Spelling::TrailingSlash) return ENOENT;
    if (!to.parent) return ENOENT;
    if (read_only(*to.parent)) return EROFS;
    if (from.mount != 0 && to.parent->mount != 0 && from.mount != to.parent->mount) return EXDEV;
    if (auto code = may_create(*to.parent)) return code;
    if (disk_ && (is_immutable(*from.stat) || is_append_only(*from.stat))) return EPERM;
    if (is_directory(from)) return EPERM;
    return std::nullopt;
  }

  Errno operator()(const MakeDirectory&) const { return make(targets_[0], true); }
  Errno operator()(const MakeSymlink&) const { return make(targets_[0], false); }
  Errno operator()(const MakeNode& node) const {
    if (auto code = make(targets_[0], false)) return code;
    const mode_t type = node.mode & S_IFMT;
    const bool device = (type == S_IFCHR && node.device != 0) || type == S_IFBLK;
    if (disk_ && device && !capable(CAP_MKNOD)) return EPERM;
    return std::nullopt;
  }

  Errno operator()(const SetMetadata& act) const {
    const Target& target = targets_[0];
    if (!target.exists()) return ENOENT;
    if (target.spelling == Spelling::TrailingSlash && !is_directory(target)) return ENOTDIR;
    if (const auto* set = std::get_if<SetTimes>(&act.change); set != nullptr && set->times) {
      if (bad_time((*set->times)[0]) || bad_time((*set->times)[1])) return EINVAL;
    }
    if (const auto* xattr = std::get_if<SetXattr>(&act.change)) {
      if (auto code = user_xattr(xattr->name, target)) return code;
    } else if (const auto* gone = std::get_if<RemoveXattr>(&act.change)) {
      if (auto code = user_xattr(gone->name, target)) return code;
    }
    if (!disk_) return std::nullopt;
    if (target.parent && read_only(*target.parent)) return EROFS;
    if (std::holds_alternative<SetMode>(act.change)) {
      if (is_symlink(target)) return EOPNOTSUPP;
      if (is_immutable(*target.stat) || is_append_only(*target.stat) || !owns(*target.stat)) return EPERM;
    }
    if (const auto* owner = std::get_if<SetOwner>(&act.change)) {
      if (is_immutable(*target.stat) || is_append_only(*target.stat)) return EPERM;
      if (capable(CAP_CHOWN)) return std::nullopt;
      const bool mine = target.stat->stx_uid == ::geteuid();
      const bool other_uid = owner->uid != static_cast<uid_t>(-1) && owner->uid != target.stat->stx_uid;
      const bool any = owner->uid != static_cast<uid_t>(-1) || owner->gid != static_cast<gid_t>(-1);
      if (any && (!mine || other_uid)) return EPERM;
    }
    if (const auto* set = std::get_if<SetTimes>(&act.change)) return times(*set, target);
    return std::nullopt;
  }

  Errno operator()(const Connect&) const { return EPERM; }
  Errno operator()(const Bind&) const { return EPERM; }
  Errno operator()(const Listen&) const { return EPERM; }
  Errno operator()(const Send&) const { return EPERM; }
  Errno operator()(const Exec&) const { return EPERM; }
  Errno operator()(const ChangeDirectory&) const { return EPERM; }
  Errno operator()(const CheckAccess&) const { return EPERM; }
  Errno operator()(const ChangeUmask&) const { return EPERM; }

 private:
  Errno unlink(const Target& target) const {
    if (!target.parent) return ENOENT;
    if (!is_last_name(target)) return EISDIR;
    if (read_only(*target.parent)) return EROFS;
    if (!target.exists()) return ENOENT;
    if (target.spelling == Spelling::TrailingSlash) return is_directory(target) ? EISDIR : ENOTDIR;
    if (auto code = may_delete(target)) return code;
    if (is_directory(target)) return EISDIR;
    if (is_mount_point(target)) return EBUSY;
    return std::nullopt;
  }

  Errno rmdir(const Remove& act, const Target& target) const {
    if (!target.parent) return ENOENT;
    if (target.spelling == Spelling::DotDot) return ENOTEMPTY;
    if (target.spelling == Spelling::Dot) return only_slashes(act.path.path) ? EBUSY : EINVAL;
    if (read_only(*target.parent)) return EROFS;
    if (!target.exists()) return ENOENT;
    if (auto code = may_delete(target)) return code;
    if (!is_directory(target)) return ENOTDIR;
    if (is_mount_point(target)) return EBUSY;
    if (not_empty(target)) return ENOTEMPTY;
    return std::nullopt;
  }

  Errno open(std::uint64_t flags, const Target& target) const {
    const bool creates = (flags & O_CREAT) != 0 && (flags & O_PATH) == 0;
    if ((flags & kTmpFileBit) != 0 && (flags & O_PATH) == 0) {
      if (!target.exists()) return ENOENT;
      if (!is_directory(target)) return ENOTDIR;
      return target.object || !target.name.empty() || !target.parent ? std::nullopt : may_create(*target.parent);
    }
    if (creates && target.spelling == Spelling::TrailingSlash) return EISDIR;
    if (!target.exists()) {
      if (!creates) return ENOENT;
      if (!target.parent) return ENOENT;
      if (read_only(*target.parent)) return EROFS;
      return may_create(*target.parent);
    }
    if (creates && (flags & O_EXCL) != 0) return EEXIST;
    if (creates && is_directory(target)) return EISDIR;
    if ((flags & O_DIRECTORY) != 0 || target.spelling == Spelling::TrailingSlash) {
      if (!is_directory(target)) return ENOTDIR;
    }
    if (creates && disk_ && target.parent) {
      if (auto code = may_create_over(*target.parent, *target.stat)) return code;
    }
    if ((flags & O_PATH) != 0) return std::nullopt;
    if (is_symlink(target)) return ELOOP;
    const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
    if (is_directory(target) && writes) return EISDIR;
    if (!disk_) return std::nullopt;
    if (auto code = may_open(flags, target)) return code;
    if (S_ISSOCK(target.stat->stx_mode)) return ENXIO;
    return std::nullopt;
  }

  Errno may_open(std::uint64_t flags, const Target& target) const {
    int mode = 0;
    const std::uint64_t access = flags & O_ACCMODE;
    if (access != O_WRONLY) mode |= R_OK;
    if (access != O_RDONLY || (flags & O_TRUNC) != 0) mode |= W_OK;
    const Pinned pinned = pin(target);
    if (pinned.error != 0) return std::nullopt;  // not certain
    if (auto code = may_access(pinned.fd, mode)) return code;
    if (is_append_only(*target.stat)) {
      if (access != O_RDONLY && (flags & O_APPEND) == 0) return EPERM;
      if ((flags & O_TRUNC) != 0) return EPERM;
    }
    if ((flags & O_NOATIME) != 0 && !owns(*target.stat)) return EPERM;
    return std::nullopt;
  }

  Errno make(const Target& target, bool directory) const {
    if (!is_last_name(target) || target.exists()) return EEXIST;
    if (!directory && target.spelling == Spelling::TrailingSlash) return ENOENT;
    if (!target.parent) return ENOENT;
    if (read_only(*target.parent)) return EROFS;
    return may_create(*target.parent);
  }

  Errno user_xattr(const std::string& name, const Target& target) const {
    if (!name.starts_with("user.")) return std::nullopt;
    if (!is_regular(target) && !is_directory(target)) return EPERM;
    if (!disk_) return std::nullopt;
    if (is_directory(target) && (target.stat->stx_mode & S_ISVTX) != 0 && !owns(*target.stat)) return EPERM;
    return may_write(target);
  }

  Errno times(const SetTimes& set, const Target& target) const {
    const auto is = [&](long value) {
      return set.times && (*set.times)[0].tv_nsec == value && (*set.times)[1].tv_nsec == value;
    };
    if (is(UTIME_OMIT)) return std::nullopt;
    if (is_immutable(*target.stat)) return EPERM;
    const bool now = !set.times || is(UTIME_NOW);
    if (!now && is_append_only(*target.stat)) return EPERM;
    if (owns(*target.stat)) return std::nullopt;
    if (!now) return EPERM;
    if (is_symlink(target)) return std::nullopt;  // not certain
    return may_write(target);
  }

  // Write permission of the object itself: EACCES, EPERM (immutable), EROFS.
  Errno may_write(const Target& target) const {
    if (!disk_) return std::nullopt;
    const Pinned pinned = pin(target);
    if (pinned.error != 0) return std::nullopt;  // not certain
    if (on_read_only_mount(pinned.fd)) return EROFS;
    if (auto code = may_access(pinned.fd, W_OK)) return code;
    if (is_append_only(*target.stat) && is_regular(target)) return EPERM;
    return std::nullopt;
  }

  Errno may_write_directory(const Target& target) const {
    if (!disk_) return std::nullopt;
    const Pinned pinned = pin(target);
    return pinned.error != 0 ? std::nullopt : may_access(pinned.fd, W_OK);
  }

  bool read_only(const Directory& directory) const { return disk_ && on_read_only_mount(directory.host.get()); }
  Errno may_create(const Directory& directory) const { return disk_ ? may_create_in(directory) : std::nullopt; }
  Errno may_delete(const Target& target) const {
    return disk_ ? may_delete_from(*target.parent, *target.stat) : std::nullopt;
  }
  bool not_empty(const Target& target) const {
    return disk_ && emptiness(target.parent->host.get(), target.name.c_str()) == Emptiness::NotEmpty;
  }

  bool disk_;
  std::span<const Target> targets_;
};

}  // namespace

std::optional<int> foresight_rename(const Target& from, const Target& to) {
  return Ahead(Look::Disk, {}).rename(Rename{}, from, to);
}

std::optional<int> foresight(Look look, const Action& action, std::span<const Target> targets) {
  const bool two = std::holds_alternative<Rename>(action) || std::holds_alternative<Link>(action);
  if (targets.size() != (two ? 2U : 1U)) return EPERM;
  if (look == Look::Disk) {
    if (auto code = invalid_arguments(action)) return code;
  }
  for (const Target& target : targets) {
    if (auto code = refused(target)) return code;
  }
  return std::visit(Ahead(look, targets), action);
}

}  // namespace assent::broker
