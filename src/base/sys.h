// System calls that return results. Wrappers keep the kernel's names; an error carries the errno and the call's name.
// Only calls that several rooms need stand here; a call that one room alone needs stands with that room.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "assent/file_id.h"
#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::sys {

// The error for a call that just failed: code from errno, what = "<call>: <message>".
[[nodiscard]] tl::unexpected<Error> last_error(std::string_view call);

Result<UniqueFd> openat(int directory, const char* path, int flags, mode_t mode = 0);
Result<UniqueFd> openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve,
                         std::uint64_t mode = 0);
// A regular file for reading. Nothing else is ever opened: to open a device can be to use it (a watchdog, a tape), a
// FIFO waits, and what a path names may have been chosen by somebody else. `resolve`: RESOLVE_*. EISDIR, EINVAL.
Result<UniqueFd> open_regular(int directory, const char* path, std::uint64_t resolve = 0);
// Basic statistics with birth time and mount id. `path` empty: the descriptor itself.
Result<struct statx> statx(int directory, const char* path, int flags = AT_SYMLINK_NOFOLLOW);
[[nodiscard]] FileId id_of(const struct statx& stat);

// The target of a symbolic link (or of a /proc/self/fd entry), bytes, never cut.
Result<std::string> readlinkat(int directory, const char* path);
// The path the kernel shows for a descriptor of ours. For showing; may end in " (deleted)".
Result<std::string> path_of(int fd);

Result<UniqueFd> pidfd_open(pid_t pid, unsigned flags = 0);
// A duplicate (close-on-exec) of the target's descriptor.
Result<UniqueFd> pidfd_getfd(int pidfd, int target_fd);

// The whole of a small file (at most `limit` bytes, else EFBIG).
Result<std::string> read_file(int directory, const char* path, std::size_t limit = 1 << 20);
// Writes all of it or fails.
Status write_all(int fd, std::string_view bytes);

}  // namespace assent::sys
