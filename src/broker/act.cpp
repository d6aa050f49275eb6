#include "broker/act.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/kernel_abi.h"

namespace assent::broker {

Identity compare(int directory, const char* name, const FileId& judged, struct statx* now) {
  struct statx local;
  struct statx& stat = now != nullptr ? *now : local;
  const int flags = AT_SYMLINK_NOFOLLOW | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, &stat) != 0) {
    return errno == ENOENT ? Identity::Gone : Identity::Unknown;
  }
  return sys::id_of(stat) == judged ? Identity::Same : Identity::Other;
}

ObjectPath::ObjectPath(int fd) { std::snprintf(text_, sizeof text_, "/proc/self/fd/%d", fd); }

Pinned pin(const Target& target) {
  Pinned pinned;
  if (target.object) {
    pinned.fd = target.object.get();
  } else if (target.parent && !target.name.empty()) {
    pinned.owned.reset(::openat(target.parent->host.get(), target.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!pinned.owned) {
      pinned.error = errno == ENOENT ? ESTALE : errno;
      return pinned;
    }
    pinned.fd = pinned.owned.get();
  } else if (target.parent) {
    pinned.fd = target.parent->host.get();
  } else if (target.agent_object) {
    // No host name (O_TMPFILE, deleted): the agent's descriptor is the object.
    pinned.fd = target.agent_object.get();
  } else {
    pinned.error = EIO;
    return pinned;
  }
  switch (compare(pinned.fd, "", target.id)) {
    case Identity::Same:
      break;
    case Identity::Other:
      pinned.error = ESTALE;
      break;
    case Identity::Gone:
    case Identity::Unknown:
      pinned.error = EIO;
      break;
  }
  return pinned;
}

Outcome not_pinned(const Pinned& pinned) { return pinned.error == ESTALE ? raced() : failed(pinned.error); }

int rename_noreplace(int from_directory, const char* from, int to_directory, const char* to) {
  if (::renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return errno;
  struct statx there;
  if (::statx(to_directory, to, AT_SYMLINK_NOFOLLOW, STATX_INO, &there) == 0) return EEXIST;
  if (errno != ENOENT) return errno;
  return ::renameat(from_directory, from, to_directory, to) == 0 ? 0 : errno;
}

int rename_exchange(int from_directory, const char* from, int to_directory, const char* to) {
  return ::renameat2(from_directory, from, to_directory, to, RENAME_EXCHANGE) == 0 ? 0 : errno;
}

Emptiness emptiness(int directory, const char* name) {
  const int fd = ::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return Emptiness::Unknown;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (!stream) {
    ::close(fd);
    return Emptiness::Unknown;
  }
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view each = entry->d_name;
    if (each != "." && each != "..") return Emptiness::NotEmpty;
  }
  return errno == 0 ? Emptiness::Empty : Emptiness::Unknown;
}

}  // namespace assent::broker
