#include "undo/object.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/show.h"
#include "base/sys.h"

namespace assent::undo {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kShort = 64 << 10;  // up to here plain reads and writes are faster than copy_file_range

std::int64_t nanoseconds(const struct statx_timestamp& time) { return time.tv_sec * kSecond + time.tv_nsec; }

timespec time_of(std::int64_t ns) {
  timespec out{};
  out.tv_sec = ns / kSecond;
  out.tv_nsec = ns % kSecond;
  if (out.tv_nsec < 0) {
    out.tv_nsec += kSecond;
    --out.tv_sec;
  }
  return out;
}

bool no_xattrs(int code) { return code == ENOTSUP || code == EOPNOTSUPP; }

// Gives the owner the rights that are missing, and takes them away again.
class Accessible {
 public:
  Accessible(const char* path, const struct statx& stat, mode_t rights) : path_(path), mode_(stat.stx_mode & 07777) {
    if (S_ISLNK(stat.stx_mode) || stat.stx_uid != ::geteuid() || (mode_ & rights) == rights) return;
    changed_ = ::chmod(path, mode_ | rights) == 0;
  }
  ~Accessible() {
    if (changed_) ::chmod(path_, mode_);
  }
  Accessible(const Accessible&) = delete;
  Accessible& operator=(const Accessible&) = delete;
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  const char* path_;
  mode_t mode_;
  bool changed_ = false;
};

// Those that a user can give back. The rest (security.*, trusted.*) belongs to the machine.
bool ours(std::string_view attribute) {
  return attribute.starts_with("user.") || attribute == "system.posix_acl_access" ||
         attribute == "system.posix_acl_default";
}

// `object`: where it is more than O_PATH, that is asked first, which saves a walk through /proc; -1: only the path.
Result<std::vector<std::pair<std::string, std::string>>> read_xattrs(const char* path, int object = -1) {
  std::vector<std::pair<std::string, std::string>> out;
  std::array<char, 4096> small;
  std::string names;
  ssize_t n = object >= 0 ? ::flistxattr(object, small.data(), small.size()) : -1;
  if (n < 0) n = ::listxattr(path, small.data(), small.size());
  if (n >= 0) {
    names.assign(small.data(), static_cast<std::size_t>(n));
  } else if (errno == ERANGE) {
    names.resize(XATTR_LIST_MAX);
    n = ::listxattr(path, names.data(), names.size());
    if (n >= 0) names.resize(static_cast<std::size_t>(n));
  }
  if (n < 0) {
    if (no_xattrs(errno)) return out;
    return sys::last_error("listxattr");
  }
  for (std::size_t at = 0; at < names.size();) {
    const std::string attribute(names.c_str() + at);
    at += attribute.size() + 1;
    if (!ours(attribute)) continue;
    std::string value(256, '\0');
    ssize_t size = ::getxattr(path, attribute.c_str(), value.data(), value.size());
    if (size < 0 && errno == ERANGE) {
      value.resize(XATTR_SIZE_MAX);
      size = ::getxattr(path, attribute.c_str(), value.data(), value.size());
    }
    if (size < 0) {
      if (errno == ENODATA || no_xattrs(errno)) continue;
      return sys::last_error("getxattr");
    }
    value.resize(static_cast<std::size_t>(size));
    out.emplace_back(attribute, std::move(value));
  }
  std::ranges::sort(out);
  return out;
}

Status apply_xattrs(const char* path, const std::vector<std::pair<std::string, std::string>>& wanted) {
  auto there = read_xattrs(path);
  if (!there) return pass(std::move(there));
  Status out;
  for (const auto& [attribute, value] : *there) {
    const bool stays = std::ranges::any_of(wanted, [&](const auto& each) { return each.first == attribute; });
    if (!stays && ::removexattr(path, attribute.c_str()) != 0 && out)
      out = sys::last_error("removexattr " + show(attribute));
  }
  for (const auto& each : wanted) {
    if (std::ranges::find(*there, each) != there->end()) continue;
    if (::setxattr(path, each.first.c_str(), each.second.data(), each.second.size(), 0) != 0 && out) {
      out = sys::last_error("setxattr " + show(each.first));
    }
  }
  return out;
}

std::optional<std::uint32_t> read_flags(const char* path) {
  const UniqueFd real(::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  int flags = 0;
  if (!real || ::ioctl(real.get(), FS_IOC_GETFLAGS, &flags) != 0) return std::nullopt;
  return static_cast<std::uint32_t>(flags);
}

// Where the next data begins and ends; none: only a hole is left. A file system without SEEK_DATA has no holes.
struct Extent {
  off_t begin = 0;
  off_t end = 0;
};
std::optional<Extent> next_extent(int fd, off_t from, off_t size) {
  const off_t begin = ::lseek(fd, from, SEEK_DATA);
  if (begin < 0) return errno == ENXIO ? std::nullopt : std::optional(Extent{from, size});
  const off_t end = ::lseek(fd, begin, SEEK_HOLE);
  return Extent{begin, end < 0 ? size : end};
}

Status copy_extent(int from, int to, Extent extent) {
  off_t read_at = extent.begin;
  off_t write_at = extent.begin;
  const auto length = static_cast<std::size_t>(extent.end - extent.begin);
  const std::size_t in_pieces = std::min(kPiece, std::max<std::size_t>(length, 1));
  bool in_kernel = length > kShort;
  std::unique_ptr<char[]> piece;
  if (!in_kernel) piece = std::make_unique_for_overwrite<char[]>(in_pieces);
  while (read_at < extent.end) {
    const auto wanted =
        static_cast<std::size_t>(std::min<off_t>(extent.end - read_at, static_cast<off_t>(64 * kPiece)));
    if (in_kernel) {
      const ssize_t n = ::copy_file_range(from, &read_at, to, &write_at, wanted, 0);
      if (n > 0 || (n < 0 && errno == EINTR)) continue;
      if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
        return sys::last_error("copy_file_range");
      in_kernel = false;  // other file systems, or a file that the call does not serve
      piece = std::make_unique_for_overwrite<char[]>(in_pieces);
      continue;
    }
    const ssize_t n = ::pread(from, piece.get(), std::min(wanted, in_pieces), read_at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys::last_error("read");
    if (n == 0) return {};  // it became shorter meanwhile
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = ::pwrite(to, piece.get() + done, static_cast<std::size_t>(n - done), write_at + done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return sys::last_error("write");
      done += written;
    }
    read_at += n;
    write_at += n;
  }
  return {};
}

}  // namespace

ObjectPath::ObjectPath(int fd) { *fmt::format_to(text_, "/proc/self/fd/{}", fd) = '\0'; }

Metadata metadata_of(const struct statx& stat) {
  Metadata out;
  out.mode = stat.stx_mode;
  out.uid = stat.stx_uid;
  out.gid = stat.stx_gid;
  out.atime = nanoseconds(stat.stx_atime);
  out.mtime = nanoseconds(stat.stx_mtime);
  return out;
}

Result<Metadata> read_metadata(int object, const struct statx& stat, Flags flags) {
  Metadata out = metadata_of(stat);
  const ObjectPath path(object);
  auto xattrs = read_xattrs(path.c_str(), object);
  std::optional<Accessible> accessible;
  if (!xattrs && xattrs.error().code == EACCES) {
    accessible.emplace(path.c_str(), stat, S_IRUSR);
    xattrs = read_xattrs(path.c_str());
  }
  if (!xattrs) return pass(std::move(xattrs));
  out.xattrs = std::move(*xattrs);
  if (flags == Flags::Yes && !accessible) accessible.emplace(path.c_str(), stat, S_IRUSR);
  if (flags == Flags::Yes && (S_ISREG(out.mode) || S_ISDIR(out.mode))) out.flags = read_flags(path.c_str());
  return out;
}

Result<UniqueFd> open_to_read(int object, const struct statx& stat) {
  const ObjectPath path(object);
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd out(::open(path.c_str(), kFlags | O_NOATIME));
  if (!out) out.reset(::open(path.c_str(), kFlags));
  if (!out && errno == EACCES) {
    const Accessible accessible(path.c_str(), stat, S_IRUSR);
    out.reset(::open(path.c_str(), kFlags));
  }
  if (!out) return sys::last_error("cannot read what is to be kept");
  return out;
}

Status apply_times(int object, const Metadata& metadata) {
  const timespec times[2] = {time_of(metadata.atime), time_of(metadata.mtime)};
  if (::utimensat(object, "", times, AT_EMPTY_PATH) == 0) return {};
  return sys::last_error("utimensat");
}

Status apply_metadata(int object, const Metadata& metadata) {
  Status out;
  const auto note = [&out](Status status) {
    if (out && !status) out = std::move(status);
  };
  auto now = sys::statx(object, "");
  if (!now) return pass(std::move(now));
  const ObjectPath path(object);
  // What the owner may not touch takes no attributes; the mode that is wanted is given below.
  const mode_t rights = S_ISDIR(now->stx_mode) ? S_IRWXU : S_IRUSR | S_IWUSR;
  const bool closed = !S_ISLNK(now->stx_mode) && (now->stx_mode & rights) != rights && now->stx_uid == ::geteuid();
  if (closed) ::chmod(path.c_str(), (now->stx_mode & 07777) | rights);
  if (metadata.flags && read_flags(path.c_str()) != metadata.flags) {
    const UniqueFd real(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    int flags = static_cast<int>(*metadata.flags);
    if (!real || ::ioctl(real.get(), FS_IOC_SETFLAGS, &flags) != 0) note(sys::last_error("FS_IOC_SETFLAGS"));
  }
  if (now->stx_uid != metadata.uid || now->stx_gid != metadata.gid) {
    if (::fchownat(object, "", metadata.uid, metadata.gid, AT_EMPTY_PATH) != 0) note(sys::last_error("chown"));
  }
  note(apply_xattrs(path.c_str(), metadata.xattrs));
  if (!S_ISLNK(metadata.mode) && ::chmod(path.c_str(), metadata.mode & 07777) != 0) note(sys::last_error("chmod"));
  note(apply_times(object, metadata));
  return out;
}

bool same_object(const FileId& a, const FileId& b) {
  if (a.inode != b.inode || a.birth_ns != b.birth_ns) return false;
  return a.birth_ns != 0 || a.device == b.device;
}

Result<How> copy_content(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) return How::Cloned;
  auto stat = sys::statx(from, "");
  if (!stat) return pass(std::move(stat));
  const auto size = static_cast<off_t>(stat->stx_size);
  // Small files: one piece, no questions about holes.
  if (size > 0 && size <= 4096) {
    if (auto status = copy_extent(from, to, {0, size}); !status) return pass(std::move(status));
    return How::Copied;
  }
  if (::ftruncate(to, size) != 0) return sys::last_error("ftruncate");
  for (off_t at = 0; at < size;) {
    const auto extent = next_extent(from, at, size);
    if (!extent) break;
    if (auto status = copy_extent(from, to, *extent); !status) return pass(std::move(status));
    at = extent->end;
  }
  return How::Copied;
}

bool shares_blocks(int from, int folder) {
  auto trial = sys::openat(folder, ".", O_WRONLY | O_TMPFILE, 0600);
  return trial && ::ioctl(trial->get(), FICLONE, from) == 0;
}

Status replace_content(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) {
    auto stat = sys::statx(from, "");
    if (!stat) return pass(std::move(stat));
    // A clone never makes a file shorter.
    return ::ftruncate(to, static_cast<off_t>(stat->stx_size)) == 0 ? Status{} : sys::last_error("ftruncate");
  }
  if (::ftruncate(to, 0) != 0) return sys::last_error("ftruncate");
  auto copied = copy_content(from, to);
  if (!copied) return pass(std::move(copied));
  return {};
}

Status compare_content(int a, int b) {
  const auto one = std::make_unique_for_overwrite<char[]>(kPiece);
  const auto two = std::make_unique_for_overwrite<char[]>(kPiece);
  off_t at = 0;
  for (;;) {
    const ssize_t n = ::pread(a, one.get(), kPiece, at);
    if (n < 0) return sys::last_error("read");
    ssize_t m = 0;
    while (m < n) {
      const ssize_t more = ::pread(b, two.get() + m, static_cast<std::size_t>(n - m), at + m);
      if (more < 0) return sys::last_error("read");
      if (more == 0) break;
      m += more;
    }
    if (m != n || std::memcmp(one.get(), two.get(), static_cast<std::size_t>(n)) != 0)
      return fail(EBADMSG, "the content differs");
    if (n == 0) {
      char one_more = 0;
      return ::pread(b, &one_more, 1, at) == 0 ? Status{} : fail(EBADMSG, "the content differs in length");
    }
    at += n;
  }
}

Result<How> copy_object(int object, const struct statx& stat, int folder, const char* name) {
  How how = How::Copied;
  const mode_t type = stat.stx_mode & S_IFMT;
  switch (type) {
    case S_IFREG: {
      auto from = open_to_read(object, stat);
      if (!from) return pass(std::move(from));
      auto to = sys::openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
      if (!to) return pass(std::move(to));
      auto copied = copy_content(from->get(), to->get());
      if (!copied) {
        ::unlinkat(folder, name, 0);
        return pass(std::move(copied));
      }
      how = *copied;
      break;
    }
    case S_IFLNK: {
      auto text = sys::readlinkat(object, "");
      if (!text) return pass(std::move(text));
      if (::symlinkat(text->c_str(), folder, name) != 0) return sys::last_error("symlink");
      break;
    }
    case S_IFDIR:
      if (::mkdirat(folder, name, 0700) != 0) return sys::last_error("mkdir");
      break;
    default:
      if (::mknodat(folder, name, type | 0600, ::makedev(stat.stx_rdev_major, stat.stx_rdev_minor)) != 0)
        return sys::last_error("mknod");
      break;
  }
  auto made = sys::openat(folder, name, O_PATH | O_NOFOLLOW);
  if (!made) return pass(std::move(made));
  auto metadata = read_metadata(object, stat);
  if (!metadata) return pass(std::move(metadata));
  if (auto status = apply_metadata(made->get(), *metadata); !status && status.error().code != EPERM)
    return pass(std::move(status));
  return how;
}

Result<Place> open_place(const std::string& path) {
  const auto slash = path.rfind('/');
  if (path.empty() || path[0] != '/' || slash + 1 == path.size())
    return fail(EINVAL, fmt::format("{} is no path of an object", show(path)));
  Place out;
  out.name = path.substr(slash + 1);
  const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
  // A path may be longer than the kernel takes at once.
  auto at = sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  if (!at) return pass(std::move(at));
  for (std::size_t begin = 1; begin < folder.size();) {
    std::size_t end = folder.size();
    if (end - begin > 3000) end = folder.rfind('/', begin + 3000);
    if (end == std::string::npos || end <= begin)
      return fail(ENAMETOOLONG, fmt::format("cannot open {}: a name is too long", show(folder)));
    auto next = sys::openat2(at->get(), folder.substr(begin, end - begin).c_str(), O_PATH | O_DIRECTORY,
                             RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (!next) {
      const int code = next.error().code;
      return fail(
          code, fmt::format("cannot open {}: {} ({})", show(folder), ::strerrordesc_np(code), ::strerrorname_np(code)));
    }
    *at = std::move(*next);
    begin = end + 1;
  }
  out.folder = std::move(*at);
  return out;
}

int rename_noreplace(int from_folder, const char* from, int to_folder, const char* to) {
  if (::renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return errno;
  // A file system without RENAME_NOREPLACE: looked at just before.
  struct statx there {};
  if (::statx(to_folder, to, AT_SYMLINK_NOFOLLOW, STATX_INO, &there) == 0) return EEXIST;
  if (errno != ENOENT) return errno;
  return ::renameat(from_folder, from, to_folder, to) == 0 ? 0 : errno;
}

int rename_exactly(const FileId& id, int from_folder, const char* from, int to_folder, const char* to) {
  if (const int code = rename_noreplace(from_folder, from, to_folder, to); code != 0) return code;
  auto caught = sys::statx(to_folder, to);
  if (caught && same_object(sys::id_of(*caught), id)) return 0;
  (void)rename_noreplace(to_folder, to, from_folder, from);
  return ESTALE;
}

}  // namespace assent::undo
