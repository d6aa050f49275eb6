// What the parts of Vault share.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "assent/target.h"

namespace assent::undo {

inline constexpr std::size_t kSyncedOneByOne = 16;  // of copies; above, one syncfs costs less than so many fdatasync

inline bool is_kept_zone(Zone zone) { return zone == Zone::Gated || zone == Zone::Read; }

inline std::string child(const std::string& folder, const std::string& name) {
  return (folder == "/" ? "" : folder) + "/" + name;
}

inline std::uint64_t disk_bytes(const struct statx& stat) { return S_ISREG(stat.stx_mode) ? stat.stx_blocks * 512 : 0; }

// The last name of a path, or of a place in a store.
inline const char* name_in(const std::string& path) { return path.c_str() + path.rfind('/') + 1; }

// Two mounts of one file system differ in nothing but the mount; the agent's mounts map to the host's.
inline std::uint64_t mount_key(const Directory& directory) {
  return directory.id.device * 0x9E3779B97F4A7C15ULL + directory.mount;
}

}  // namespace assent::undo
