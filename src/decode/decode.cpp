#include "decode/decode.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/kernel_abi.h"
#include "decode/families.h"

namespace assent::decode {
namespace {

struct Row {
  int number;
  std::string_view name;
  Result<Action> (*decode)(const Arguments&);
};

// The generic table (arm64, riscv) has only the …at forms; x86_64 keeps the old ones too.
constexpr Row kRows[] = {
#ifdef SYS_unlink
    {SYS_unlink, "unlink", decode_unlink},
    {SYS_rmdir, "rmdir", decode_rmdir},
    {SYS_access, "access", decode_access},
    {SYS_rename, "rename", decode_rename},
    {SYS_creat, "creat", decode_creat},
    {SYS_open, "open", decode_open},
    {SYS_link, "link", decode_link},
    {SYS_symlink, "symlink", decode_symlink},
    {SYS_mkdir, "mkdir", decode_mkdir},
    {SYS_mknod, "mknod", decode_mknod},
    {SYS_chmod, "chmod", decode_chmod},
    {SYS_chown, "chown", decode_chown},
    {SYS_lchown, "lchown", decode_lchown},
    {SYS_utime, "utime", decode_utime},
    {SYS_utimes, "utimes", decode_utimes},
    {SYS_futimesat, "futimesat", decode_futimesat},
#endif
#ifdef SYS_renameat
    {SYS_renameat, "renameat", decode_renameat},
#endif
    {SYS_unlinkat, "unlinkat", decode_unlinkat},
    {SYS_faccessat, "faccessat", decode_faccessat},
    {SYS_faccessat2, "faccessat2", decode_faccessat2},
    {SYS_renameat2, "renameat2", decode_renameat2},
    {SYS_truncate, "truncate", decode_truncate},
    {SYS_openat, "openat", decode_openat},
    {SYS_openat2, "openat2", decode_openat2},
    {SYS_linkat, "linkat", decode_linkat},
    {SYS_symlinkat, "symlinkat", decode_symlinkat},
    {SYS_mkdirat, "mkdirat", decode_mkdirat},
    {SYS_mknodat, "mknodat", decode_mknodat},
    {SYS_fchmod, "fchmod", decode_fchmod},
    {SYS_fchmodat, "fchmodat", decode_fchmodat},
    {abi::kSysFchmodat2, "fchmodat2", decode_fchmodat2},
    {SYS_fchown, "fchown", decode_fchown},
    {SYS_fchownat, "fchownat", decode_fchownat},
    {SYS_utimensat, "utimensat", decode_utimensat},
    {SYS_setxattr, "setxattr", decode_setxattr},
    {SYS_lsetxattr, "lsetxattr", decode_lsetxattr},
    {SYS_fsetxattr, "fsetxattr", decode_fsetxattr},
    {abi::kSysSetxattrat, "setxattrat", decode_setxattrat},
    {SYS_removexattr, "removexattr", decode_removexattr},
    {SYS_lremovexattr, "lremovexattr", decode_lremovexattr},
    {SYS_fremovexattr, "fremovexattr", decode_fremovexattr},
    {abi::kSysRemovexattrat, "removexattrat", decode_removexattrat},
    {abi::kSysFileSetattr, "file_setattr", decode_file_setattr},
    {SYS_ioctl, "ioctl", decode_ioctl},
    {SYS_connect, "connect", decode_connect},
    {SYS_bind, "bind", decode_bind},
    {SYS_listen, "listen", decode_listen},
    {SYS_sendto, "sendto", decode_sendto},
    {SYS_sendmsg, "sendmsg", decode_sendmsg},
    {SYS_sendmmsg, "sendmmsg", decode_sendmmsg},
    {SYS_execve, "execve", decode_execve},
    {SYS_execveat, "execveat", decode_execveat},
    {SYS_chdir, "chdir", decode_chdir},
    {SYS_fchdir, "fchdir", decode_chdir},
    {SYS_umask, "umask", decode_umask},
};

constexpr int kNumbers = 512;
static_assert(std::ranges::all_of(kRows, [](const Row& row) { return row.number >= 0 && row.number < kNumbers; }));
static_assert(std::size(kRows) < 256);

// Number → place in kRows, plus one; 0: not gated.
constexpr auto kPlaces = [] {
  std::array<std::uint8_t, kNumbers> places{};
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    places[static_cast<std::size_t>(kRows[i].number)] = static_cast<std::uint8_t>(i + 1);
  }
  return places;
}();

const Row* find(int number) {
  if (number < 0 || number >= kNumbers) return nullptr;
  const std::uint8_t place = kPlaces[static_cast<std::size_t>(number)];
  return place == 0 ? nullptr : &kRows[place - 1];
}

}  // namespace

Result<Action> decode(const Call& call, const RemoteMemory& memory) {
  const Row* row = find(call.number);
  if (row == nullptr) return fail(ENOSYS, "cannot decode the call: its number is not known here");
  return row->decode(Arguments(call, memory));
}

std::string_view call_name(int number) {
  const Row* row = find(number);
  return row == nullptr ? std::string_view{} : row->name;
}

}  // namespace assent::decode
