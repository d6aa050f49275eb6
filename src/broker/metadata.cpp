// chmod, chown, utime, xattr and file-flags families, on the pinned object. One call each: done or not done.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/kernel_abi.h"
#include "broker/act.h"
#include "broker/broker.h"

namespace assent::broker {
namespace {

struct Apply {
  int fd;  // the object, O_PATH or better
  mode_t type;

  int operator()(const SetMode& act) const {
    // Some file systems would change a symbolic link's mode before Linux 6.6; none may.
    if (S_ISLNK(type)) return EOPNOTSUPP;
    return result(::chmod(ObjectPath(fd).c_str(), act.mode & 07777));
  }
  int operator()(const SetOwner& act) const { return result(::fchownat(fd, "", act.uid, act.gid, AT_EMPTY_PATH)); }
  int operator()(const SetTimes& act) const {
    // Without times only write permission is needed, so "now" must not be spelled out.
    const timespec* times = act.times ? act.times->data() : nullptr;
    return result(::syscall(SYS_utimensat, fd, "", times, AT_EMPTY_PATH));
  }
  // The path ends in a magic link, which lands on the object; a symbolic link found there is not followed further.
  int operator()(const SetXattr& act) const {
    return result(::setxattr(ObjectPath(fd).c_str(), act.name.c_str(), act.value.data(), act.value.size(), act.flags));
  }
  int operator()(const RemoveXattr& act) const {
    return result(::removexattr(ObjectPath(fd).c_str(), act.name.c_str()));
  }
  int operator()(const SetFileFlags& act) const { return act.request == 0 ? file_setattr(act) : flags_ioctl(act); }

  int file_setattr(const SetFileFlags& act) const {
    return result(::syscall(abi::kSysFileSetattr, fd, "", act.argument.data(), act.argument.size(), AT_EMPTY_PATH));
  }

  int flags_ioctl(const SetFileFlags& act) const {
    // An ioctl needs a real descriptor, and opening anything else than these could have effects of its own.
    if (!S_ISREG(type) && !S_ISDIR(type)) return ENOTTY;
    UniqueFd real(::open(ObjectPath(fd).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!real && errno == EACCES && S_ISREG(type)) {
      real.reset(::open(ObjectPath(fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    }
    if (!real) return errno;
    std::array<char, 256> argument{};  // longer than any of these requests reads
    const std::size_t needed = _IOC_SIZE(act.request);
    if (needed > argument.size()) return ENOTTY;
    // FS_IOC_SETFLAGS says long and reads an int.
    if (act.argument.size() < std::min<std::size_t>(needed, sizeof(int))) return EFAULT;
    std::memcpy(argument.data(), act.argument.data(), std::min(act.argument.size(), argument.size()));
    return result(::ioctl(real.get(), act.request, argument.data()));
  }

  static int result(long returned) { return returned == 0 ? 0 : errno; }
};

}  // namespace

Outcome Broker::set_metadata(const SetMetadata& act, Target& target) {
  const Pinned pinned = pin(target);
  if (pinned.error != 0) return not_pinned(pinned);
  const int code = std::visit(Apply{pinned.fd, target.stat->stx_mode}, act.change);
  return code == 0 ? done() : failed(code);
}

}  // namespace assent::broker
