// What stands where in the agent's view: worked out by mount_plan.cpp from the profile and the host's folders, turned
// into steps, reports and rights by mount_steps.cpp. Within the room only.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

#include "assent/result.h"
#include "launch/mount_plan.h"

namespace assent::launch {

enum class Stands {
  Private,         // tmpfs of the agent's own
  Skeleton,        // tmpfs with a list of the host's entries
  SkeletonFolder,  // the same, a folder of the skeleton above it
  Devices,         // tmpfs of /dev
  Proc,
  Devpts,
  Gated,
  Free,
  Bind,  // read-only, from elsewhere
  Device,
  Entry,  // a host folder's entry, put back into a skeleton
  Link,
};

struct Placement {
  Stands stands = Stands::Entry;
  std::string source;  // host path, entry name or link text
  bool folder = true;
  mode_t mode = 0755;
  bool optional = false;
};

struct Placements {
  std::map<std::string, Placement> placed;  // by path
  std::map<std::string, bool> masks;        // path, whether it is a folder

  // The deepest thing placed at or above `path`; null: the machine's own.
  [[nodiscard]] const std::pair<const std::string, Placement>* covering(const std::string& path) const;
};

tl::unexpected<Error> cannot_lay_out(int code, const std::string& why,
                                     std::string_view next_step = "look at [filesystem] in the profile");

// Adds everything to `plan`; its `absent` and `notes` may have something already.
Status write_steps(const Placements& placements, ReadGate read_gate, MountPlan& plan);

}  // namespace assent::launch
