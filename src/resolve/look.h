// One look at one name. The hot path's system calls, without the sentence that a Result carries: most answers here
// are ENOENT, which is no error but the news that the name is free.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "assent/unique_fd.h"

namespace assent::resolve {

// 0 or an errno. Never follows a link, never triggers an automount. An empty name is the descriptor itself.
int look(int directory, const char* name, struct statx& out);

// 0 or an errno. An O_PATH descriptor (close-on-exec); no link of either sort is followed, also not on the way.
// A link in the last place is pinned itself where `flags` has O_NOFOLLOW.
int pin(int directory, const char* name, std::uint64_t flags, UniqueFd& out);

// The same for a path below `root` as of a process whose root that is: links are followed by the kernel and end inside.
int pin_in_root(int root, const char* directory, UniqueFd& out);

// Same device, inode number, type and, where the file system keeps it, birth time.
bool same_object(const struct statx& one, const struct statx& other);

inline bool is_directory(const struct statx& stat) { return S_ISDIR(stat.stx_mode); }
inline bool is_symlink(const struct statx& stat) { return S_ISLNK(stat.stx_mode); }

}  // namespace assent::resolve
