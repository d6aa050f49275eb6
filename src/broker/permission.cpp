#include "broker/permission.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys.h"

namespace assent::broker {
namespace {

int sysctl_value(const char* path) {
  auto text = sys::read_file(AT_FDCWD, path);
  return text ? std::atoi(text->c_str()) : 0;
}

}  // namespace

bool capable(int capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective & (1U << (capability % 32))) != 0;
}

bool on_read_only_mount(int fd) {
  struct statfs stat {};
  return ::fstatfs(fd, &stat) == 0 && (stat.f_flags & ST_RDONLY) != 0;
}

std::optional<int> may_access(int fd, int mode) {
  if (::syscall(SYS_faccessat2, fd, "", mode, AT_EACCESS | AT_EMPTY_PATH) == 0) return std::nullopt;
  return errno;
}

bool owns(const struct statx& stat) { return stat.stx_uid == ::geteuid() || capable(CAP_FOWNER); }
bool is_immutable(const struct statx& stat) { return (stat.stx_attributes & STATX_ATTR_IMMUTABLE) != 0; }
bool is_append_only(const struct statx& stat) { return (stat.stx_attributes & STATX_ATTR_APPEND) != 0; }

std::optional<int> may_create_in(const Directory& directory) {
  auto stat = sys::statx(directory.host.get(), "");
  if (!stat) return stat.error().code;
  if (stat->stx_nlink == 0) return ENOENT;
  return may_access(directory.host.get(), W_OK | X_OK);
}

std::optional<int> may_delete_from(const Directory& directory, const struct statx& victim) {
  if (auto code = may_access(directory.host.get(), W_OK | X_OK)) return code;
  auto stat = sys::statx(directory.host.get(), "");
  if (!stat) return stat.error().code;
  if (is_append_only(*stat)) return EPERM;
  const bool sticky = (stat->stx_mode & S_ISVTX) != 0;
  if (sticky && victim.stx_uid != ::geteuid() && stat->stx_uid != ::geteuid() && !capable(CAP_FOWNER)) return EPERM;
  if (is_immutable(victim) || is_append_only(victim)) return EPERM;
  return std::nullopt;
}

std::optional<int> may_create_over(const Directory& directory, const struct statx& existing) {
  static const int protected_regular = sysctl_value("/proc/sys/fs/protected_regular");
  static const int protected_fifos = sysctl_value("/proc/sys/fs/protected_fifos");
  int level = 0;
  if (S_ISREG(existing.stx_mode)) level = protected_regular;
  if (S_ISFIFO(existing.stx_mode)) level = protected_fifos;
  if (level == 0 || existing.stx_uid == ::geteuid()) return std::nullopt;
  auto stat = sys::statx(directory.host.get(), "");
  if (!stat) return stat.error().code;
  if ((stat->stx_mode & S_ISVTX) == 0 || existing.stx_uid == stat->stx_uid) return std::nullopt;
  const bool for_all = (stat->stx_mode & S_IWOTH) != 0;
  const bool for_group = (stat->stx_mode & S_IWGRP) != 0 && level >= 2;
  return for_all || for_group ? std::optional(EACCES) : std::nullopt;
}

}  // namespace assent::broker
