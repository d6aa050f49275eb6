#include "broker/arguments.h"

#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <limits>

namespace assent::broker {
namespace {

constexpr std::string_view kReserved = ".assent-";

constexpr std::uint64_t kTmpFileBit = O_TMPFILE & ~O_DIRECTORY;
constexpr std::uint64_t kLargeFile = 0100000;  // O_LARGEFILE, which the C library defines as 0
constexpr std::uint64_t kValidOpenFlags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
                                          O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY |
                                          O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE | kLargeFile;
constexpr std::uint64_t kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

std::optional<int> invalid(const Open& open) {
  if (open.call == OpenCall::Openat2) {
    if ((open.flags & ~kValidOpenFlags) != 0) return EINVAL;
    if ((open.flags & O_PATH) != 0 && (open.flags & ~(kPathFlags | kLargeFile)) != 0) return EINVAL;
    const bool creates = (open.flags & (O_CREAT | kTmpFileBit)) != 0;
    if (creates ? (open.mode & ~std::uint64_t{07777}) != 0 : open.mode != 0) return EINVAL;
  }
  const std::uint64_t flags = effective_flags(open);
  if ((flags & O_PATH) != 0) return std::nullopt;
  if ((flags & kTmpFileBit) != 0) {
    if ((flags & O_DIRECTORY) == 0 || (flags & O_CREAT) != 0) return EINVAL;
    if ((flags & O_ACCMODE) == O_RDONLY) return EINVAL;
  }
  return std::nullopt;
}

std::optional<int> invalid(const Rename& rename) {
  if ((rename.flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0) return EINVAL;
  if ((rename.flags & RENAME_EXCHANGE) != 0 && rename.flags != RENAME_EXCHANGE) return EINVAL;
  // A whiteout is a node for overlay file systems; the broker makes none.
  if ((rename.flags & RENAME_WHITEOUT) != 0) return EINVAL;
  return std::nullopt;
}

std::optional<int> invalid(const MakeNode& node) {
  switch (node.mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return std::nullopt;
    case S_IFDIR:
      return EPERM;
    default:
      return EINVAL;
  }
}

std::optional<int> invalid_name(const std::string& name) {
  if (name.empty() || name.size() > XATTR_NAME_MAX) return ERANGE;
  return std::nullopt;
}

struct Change {
  std::optional<int> operator()(const SetMode&) const { return std::nullopt; }
  std::optional<int> operator()(const SetOwner&) const { return std::nullopt; }
  std::optional<int> operator()(const SetTimes&) const { return std::nullopt; }
  std::optional<int> operator()(const SetXattr& xattr) const {
    if ((xattr.flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return EINVAL;
    if (auto code = invalid_name(xattr.name)) return code;
    if (xattr.value.size() > XATTR_SIZE_MAX) return E2BIG;
    return std::nullopt;
  }
  std::optional<int> operator()(const RemoveXattr& xattr) const { return invalid_name(xattr.name); }
  std::optional<int> operator()(const SetFileFlags&) const { return std::nullopt; }
};

struct Any {
  std::optional<int> operator()(const Open& open) const { return invalid(open); }
  std::optional<int> operator()(const Rename& rename) const { return invalid(rename); }
  std::optional<int> operator()(const MakeNode& node) const { return invalid(node); }
  std::optional<int> operator()(const Truncate& truncate) const {
    return truncate.length < 0 ? std::optional(EINVAL) : std::nullopt;
  }
  std::optional<int> operator()(const MakeSymlink& link) const {
    return link.target.empty() ? std::optional(ENOENT) : std::nullopt;
  }
  std::optional<int> operator()(const SetMetadata& set) const { return std::visit(Change{}, set.change); }
  std::optional<int> operator()(const Remove&) const { return std::nullopt; }
  std::optional<int> operator()(const Link&) const { return std::nullopt; }
  std::optional<int> operator()(const MakeDirectory&) const { return std::nullopt; }
  std::optional<int> operator()(const Connect&) const { return std::nullopt; }
  std::optional<int> operator()(const Bind&) const { return std::nullopt; }
  std::optional<int> operator()(const Listen&) const { return std::nullopt; }
  std::optional<int> operator()(const Send&) const { return std::nullopt; }
  std::optional<int> operator()(const Exec&) const { return std::nullopt; }
  std::optional<int> operator()(const ChangeDirectory&) const { return std::nullopt; }
  std::optional<int> operator()(const CheckAccess&) const { return std::nullopt; }
  std::optional<int> operator()(const ChangeUmask&) const { return std::nullopt; }
};

}  // namespace

std::optional<int> invalid_arguments(const Action& action) { return std::visit(Any{}, action); }

bool nothing_to_do(const Action& action) {
  const auto* set = std::get_if<SetMetadata>(&action);
  const auto* act = set == nullptr ? nullptr : std::get_if<SetTimes>(&set->change);
  if (act == nullptr || !act->times) return false;
  return (*act->times)[0].tv_nsec == UTIME_OMIT && (*act->times)[1].tv_nsec == UTIME_OMIT;
}

std::uint64_t effective_flags(const Open& open) {
  std::uint64_t flags = open.flags & kValidOpenFlags;
  if ((flags & O_PATH) != 0) flags &= kPathFlags;
  return flags & ~kLargeFile;  // the kernel sets it by itself
}

bool reserved_name(std::string_view name) { return name.starts_with(kReserved); }

std::optional<int> refused(const Target& target) {
  if (target.zone == Zone::Kernel) return EPERM;
  if (reserved_name(target.name)) return EPERM;
  if (target.path.find("/.assent-") != std::string::npos) return EPERM;
  return std::nullopt;
}

}  // namespace assent::broker
