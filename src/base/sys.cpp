#include "base/sys.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/kernel_abi.h"

namespace assent::sys {

tl::unexpected<Error> last_error(std::string_view call) {
  const int code = errno;
  return fail(code == 0 ? EIO : code, fmt::format("{}: {}", call, ::strerrordesc_np(code)));
}

Result<UniqueFd> openat(int directory, const char* path, int flags, mode_t mode) {
  const int fd = ::openat(directory, path, flags | O_CLOEXEC, mode);
  if (fd < 0) return last_error("openat");
  return UniqueFd(fd);
}

Result<UniqueFd> openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve,
                         std::uint64_t mode) {
  struct open_how how {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
  if (fd < 0) return last_error("openat2");
  return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> open_regular(int directory, const char* path, std::uint64_t resolve) {
  auto place = openat2(directory, path, O_PATH, resolve);
  auto stat = place ? statx(place->get(), "") : Result<struct statx>(pass(std::move(place)));
  if (!stat) return pass(std::move(stat));
  if (S_ISDIR(stat->stx_mode)) return fail(EISDIR, "it is a folder");
  if (!S_ISREG(stat->stx_mode)) return fail(EINVAL, "it is no regular file");
  char way[32];
  std::snprintf(way, sizeof way, "/proc/self/fd/%d", place->get());
  return openat(AT_FDCWD, way, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

Result<struct statx> statx(int directory, const char* path, int flags) {
  struct statx out {};
  if (path[0] == '\0') flags |= AT_EMPTY_PATH;
  if (::statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME | abi::kStatxMntId, &out) != 0) {
    return last_error("statx");
  }
  return out;
}

FileId id_of(const struct statx& stat) {
  FileId id;
  id.device = (static_cast<std::uint64_t>(stat.stx_dev_major) << 32) | stat.stx_dev_minor;
  id.inode = stat.stx_ino;
  if ((stat.stx_mask & STATX_BTIME) != 0) {
    id.birth_ns = static_cast<std::int64_t>(stat.stx_btime.tv_sec) * 1'000'000'000 + stat.stx_btime.tv_nsec;
  }
  return id;
}

Result<std::string> readlinkat(int directory, const char* path) {
  std::string out(256, '\0');
  for (;;) {
    const ssize_t n = ::readlinkat(directory, path, out.data(), out.size());
    if (n < 0) return last_error("readlinkat");
    if (static_cast<std::size_t>(n) < out.size()) {
      out.resize(static_cast<std::size_t>(n));
      return out;
    }
    out.resize(out.size() * 4);
  }
}

Result<std::string> path_of(int fd) { return readlinkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd).c_str()); }

Result<UniqueFd> pidfd_open(pid_t pid, unsigned flags) {
  const long fd = ::syscall(SYS_pidfd_open, pid, flags);
  if (fd < 0) return last_error("pidfd_open");
  return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> pidfd_getfd(int pidfd, int target_fd) {
  const long fd = ::syscall(SYS_pidfd_getfd, pidfd, target_fd, 0);
  if (fd < 0) return last_error("pidfd_getfd");
  return UniqueFd(static_cast<int>(fd));
}

Result<std::string> read_file(int directory, const char* path, std::size_t limit) {
  auto fd = openat(directory, path, O_RDONLY);
  if (!fd) return pass(std::move(fd));
  std::string out;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd->get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error("read");
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > limit) return fail(EFBIG, "read: file too large");
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error("write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace assent::sys
