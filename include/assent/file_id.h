// FileId: which object a name stood for when it was judged. Compared again when it is acted on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

namespace assent {

// Device and inode number alone are not enough: a number is given out again after a deletion, and a
// file of the user's must never pass for one the agent made. The birth time tells them apart (statx
// STATX_BTIME; 0 where the file system has none, and then nothing counts as the agent's own).
struct FileId {
  std::uint64_t device = 0;  // makedev(stx_dev_major, stx_dev_minor)
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;  // nanoseconds since the epoch; 0: unknown

  friend bool operator==(const FileId&, const FileId&) = default;
};

struct FileIdHash {
  std::size_t operator()(const FileId& id) const {
    std::uint64_t h = id.inode * 0x9E3779B97F4A7C15ULL;
    h ^= (id.device + 0x7F4A7C15ULL) * 0xBF58476D1CE4E5B9ULL;
    h ^= static_cast<std::uint64_t>(id.birth_ns) * 0x94D049BB133111EBULL;
    return static_cast<std::size_t>(h ^ (h >> 29));
  }
};

}  // namespace assent
