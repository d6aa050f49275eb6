#include "resolve/look.h"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/kernel_abi.h"

namespace assent::resolve {

int look(int directory, const char* name, struct statx& out) {
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (name[0] == '\0') flags |= AT_EMPTY_PATH;
  return ::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME | abi::kStatxMntId, &out) == 0 ? 0 : errno;
}

namespace {

int pin_by(int directory, const char* name, std::uint64_t flags, std::uint64_t resolve, UniqueFd& out) {
  struct open_how how {};
  how.flags = flags | O_PATH | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, directory, name, &how, sizeof how);
  if (fd < 0) return errno;
  out.reset(static_cast<int>(fd));
  return 0;
}

}  // namespace

int pin(int directory, const char* name, std::uint64_t flags, UniqueFd& out) {
  return pin_by(directory, name, flags, RESOLVE_NO_SYMLINKS, out);
}

int pin_in_root(int root, const char* directory, UniqueFd& out) {
  return pin_by(root, directory, O_DIRECTORY, RESOLVE_IN_ROOT, out);
}

bool same_object(const struct statx& one, const struct statx& other) {
  if (one.stx_ino != other.stx_ino || one.stx_dev_major != other.stx_dev_major ||
      one.stx_dev_minor != other.stx_dev_minor) {
    return false;
  }
  // Between two looks the number can be given out again, to a link where a file was.
  if ((one.stx_mode & S_IFMT) != (other.stx_mode & S_IFMT)) return false;
  const bool births = (one.stx_mask & other.stx_mask & STATX_BTIME) != 0;
  return !births ||
         (one.stx_btime.tv_sec == other.stx_btime.tv_sec && one.stx_btime.tv_nsec == other.stx_btime.tv_nsec);
}

}  // namespace assent::resolve
