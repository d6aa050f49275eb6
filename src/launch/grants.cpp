#include "launch/grants.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/kernel_abi.h"
#include "launch/kernel.h"
#include "launch/mount_build.h"

namespace assent::launch {

namespace {

// Rights that make sense for something that is not a folder; the kernel refuses others there.
constexpr std::uint64_t kFileRights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
                                      LANDLOCK_ACCESS_FS_EXECUTE | abi::kLandlockFsIoctlDev;

// Older kernels refuse a longer structure.
std::size_t attribute_size(int abi) {
  if (abi >= 6) return sizeof(kernel::LandlockRuleset);
  if (abi >= 4) return offsetof(kernel::LandlockRuleset, scoped);
  return offsetof(kernel::LandlockRuleset, handled_access_net);
}

bool is_folder(int fd) {
  struct stat stat {};
  return ::fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode);
}

bool grant(int ruleset, const char* path, std::uint64_t rights, Stage& stage) {
  const int fd = ::open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || failed(stage, At::Landlock, errno, path);
  if (!is_folder(fd)) rights &= kFileRights;
  const bool ok = rights == 0 || kernel::landlock_add_path(ruleset, fd, rights) == 0;
  const int code = errno;
  ::close(fd);
  return ok || failed(stage, At::Landlock, code, path);
}

bool is_one_of(Words paths, const char* folder, std::size_t length, const char* name) {
  for (const char* path : paths) {
    if (std::strncmp(path, folder, length) == 0 && std::strcmp(path + length, name) == 0) return true;
  }
  return false;
}

struct DirectoryEntry {  // linux_dirent64
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

// Grants reading to each entry of `way`, but for those that are ways themselves or masked.
bool grant_entries(int ruleset, const MountOrders& plan, const char* way, Stage& stage) {
  const int folder = ::open(way, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A folder that may be passed but not listed: nothing in it can be granted by name, so nothing is.
  if (folder < 0) return errno == EACCES || failed(stage, At::Landlock, errno, way);
  char prefix[4096];
  std::size_t length = std::strlen(way);
  if (length + 2 > sizeof prefix) return failed(stage, At::Landlock, ENAMETOOLONG, way);
  std::memcpy(prefix, way, length);
  if (std::strcmp(way, "/") != 0) prefix[length++] = '/';
  alignas(DirectoryEntry) char buffer[16384];
  bool ok = true;
  for (;;) {
    const long n = ::syscall(SYS_getdents64, folder, buffer, sizeof buffer);
    if (n < 0) ok = failed(stage, At::Landlock, errno, way);
    if (n <= 0) break;
    for (long at = 0; ok && at < n;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->length;
      if (std::strcmp(entry->name, ".") == 0 || std::strcmp(entry->name, "..") == 0) continue;
      if (is_one_of(plan.read_ways, prefix, length, entry->name)) continue;
      if (is_one_of(plan.unreadable, prefix, length, entry->name)) continue;
      const int fd = ::openat(folder, entry->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
      if (fd < 0) continue;  // gone since, or not to be reached: it stays unreadable
      if (kernel::landlock_add_path(ruleset, fd, LANDLOCK_ACCESS_FS_READ_FILE) != 0) {
        ok = failed(stage, At::Landlock, errno, way);
      }
      ::close(fd);
    }
    if (!ok) break;
  }
  ::close(folder);
  return ok;
}

}  // namespace

int landlock_abi() {
  const int abi = kernel::landlock_create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : abi;
}

// Not the right to truncate: with it the kernel walks from each file that is opened, for reading too, up to the root
// (a third of the cost of an open). Without it nothing that could truncate is let through (Floor::proof).
std::uint64_t landlock_write_rights(int abi) {
  if (abi < 1) return 0;
  std::uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                         LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 5) rights |= abi::kLandlockFsIoctlDev;
  return rights;
}

bool enforce_landlock(const MountOrders& plan, int abi, ReadGate read_gate, const std::array<int, 3>& stdio,
                      Stage& stage) {
  if (abi < 1) return true;
  const std::uint64_t writes = landlock_write_rights(abi);
  kernel::LandlockRuleset handled{};
  handled.handled_access_fs = writes;
  if (read_gate == ReadGate::Gated) handled.handled_access_fs |= LANDLOCK_ACCESS_FS_READ_FILE;
  // Signals and abstract sockets end at the sandbox; pid 1 stands outside of this domain.
  if (abi >= 6) handled.scoped = abi::kLandlockScopeAbstractUnix | abi::kLandlockScopeSignal;
  const int ruleset = kernel::landlock_create_ruleset(&handled, attribute_size(abi), 0);
  if (ruleset < 0) return failed(stage, At::Landlock, errno, "a ruleset");

  for (const char* path : plan.writable) {
    if (!grant(ruleset, path, writes, stage)) return false;
  }
  for (const char* path : plan.devices) {
    if (!grant(ruleset, path, writes & kFileRights, stage)) return false;
  }
  for (const int fd : stdio) {
    if (::isatty(fd) != 1) continue;
    if (kernel::landlock_add_path(ruleset, fd, writes & kFileRights) != 0) {
      return failed(stage, At::Landlock, errno, "the terminal");
    }
  }
  if (read_gate == ReadGate::Gated) {
    for (const char* way : plan.read_ways) {
      if (!grant_entries(ruleset, plan, way, stage)) return false;
    }
    for (const int fd : stdio) {  // what it was given to read it may open anew; pipes and the like need no right
      struct stat stat {};
      if (::fstat(fd, &stat) != 0 || (!S_ISREG(stat.st_mode) && !S_ISCHR(stat.st_mode))) continue;
      kernel::landlock_add_path(ruleset, fd, LANDLOCK_ACCESS_FS_READ_FILE);
    }
  }
  if (kernel::landlock_restrict_self(ruleset) != 0) return failed(stage, At::Landlock, errno, "the agent");
  ::close(ruleset);
  return true;
}

}  // namespace assent::launch
