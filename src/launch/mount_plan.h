// MountPlan: the sandbox's mounts as a list of steps, worked out before anything is created, so that the process which
// carries them out needs no memory of its own and no decisions. In: the Layout and the host's folders (read only).
// Out: steps in an order in which every mount point exists when it is needed. It changes nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "assent/result.h"
#include "launch/mount_table.h"
#include "launch/spec.h"

namespace assent::launch {

// Taken while the host's view is still uncovered.
struct Early {
  enum class Take : std::uint8_t {
    Writable,  // clone of a free folder, before the machine is made read-only
    Device,    // clone of a device node, before nodev
    ReadOnly,  // clone after the machine was made read-only
    Folder,    // descriptor of a folder whose entries are bound one by one
  };
  Take take = Take::ReadOnly;
  std::string path;
  bool may_be_missing = false;
};

struct Step {
  enum class Act : std::uint8_t {
    Folder,      // mkdir `path`, `mode`
    File,        // empty file as a mount point
    Link,        // symbolic link to `source`
    Tmpfs,       // new tmpfs on `path`, `mode`
    Proc,        // new procfs on `path`
    Devpts,      // new devpts on `path`
    Attach,      // early clone number `early` to `path`
    Entry,       // entry `source` of the early folder number `early` to `path`
    MaskFile,    // empty read-only file over `path`
    MaskFolder,  // empty read-only folder over `path`
  };
  Act act = Act::Folder;
  std::string path;
  std::string source;
  int early = -1;
  mode_t mode = 0755;
  int report = -1;        // place in MountPlan::reports
  bool seal = false;      // made read-only when everything stands
  bool optional = false;  // may be missing: what was listed can be gone when it is its turn
};

struct MountPlan {
  std::vector<Early> early;
  std::vector<Step> steps;
  std::vector<MountEntry> reports;      // mounts whose ids the supervisor wants to know
  std::vector<std::string> writable;    // folders with every Landlock write right
  std::vector<std::string> devices;     // files with the right to be written
  std::vector<std::string> absent;      // must not be found inside
  std::vector<std::string> read_ways;   // folders whose entries get the right to be read one by one
  std::vector<std::string> unreadable;  // entries of those that never get it
  std::vector<std::string> notes;       // what was left out and why, for people
};

// Facts about the session that shape the layout beside the profile.
struct Surroundings {
  std::string runtime_dir;    // XDG_RUNTIME_DIR, or empty
  std::string terminal_path;  // the slave's path on the host, or empty
};

Result<MountPlan> plan_mounts(const Layout& layout, const Surroundings& surroundings);

}  // namespace assent::launch
