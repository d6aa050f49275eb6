// MountTable: which zone an object lies in, decided by the id of the mount it is seen through and never by its
// spelling. Ids are the kernel's (statx STATX_MNT_ID), taken when each mount was made. The agent cannot mount, so an
// id keeps its meaning for the whole session.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "assent/request.h"

namespace assent::launch {

enum class MountKind {
  Plain,     // the host's own folder (gated, free) or a mount without a host side (private, kernel)
  Skeleton,  // our list of a host folder's entries without the hidden ones; read-only, does not follow the host.
             // One mount holds a folder and those below it that are built the same way; the paths are the host's.
  Mask,      // stands empty over something hidden inside a gated folder
};

struct MountEntry {
  Zone zone = Zone::Read;
  MountKind kind = MountKind::Plain;
  std::string path;  // where the mount's root stands
  // Read gate only: false where the kernel itself refuses to open files that were not there at the start, so that the
  // supervisor has to open them for the agent.
  bool reads_granted = true;
};

class MountTable {
 public:
  void add(std::uint64_t mount_id, MountEntry entry) { entries_.insert_or_assign(mount_id, std::move(entry)); }

  // Null for mounts inherited from the host, whose ids nobody wrote down.
  [[nodiscard]] const MountEntry* find(std::uint64_t mount_id) const;

  // The zone of an object seen through `mount_id`. Where the id is unknown the file system of `fd` (any descriptor of
  // that mount) tells kernel file systems (/sys and what is mounted below it) from the rest, which is Read; the
  // answer is kept. With fd -1 an unknown id is Read.
  [[nodiscard]] Zone zone(std::uint64_t mount_id, int fd = -1);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::unordered_map<std::uint64_t, MountEntry>& entries() const { return entries_; }

 private:
  std::unordered_map<std::uint64_t, MountEntry> entries_;
};

}  // namespace assent::launch
