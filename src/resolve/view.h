// View: the machine as the agent sees it, next to the machine as it is. Made by session from what launch built; does
// not change while the session runs, because nothing inside may mount.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "assent/request.h"
#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::resolve {

// Host: the mount shows the host's own objects. Built: launch made it up (the skeleton of a home, on a tmpfs); its
// directories stand for those of the host with the same path, and what is missing in it is hidden.
enum class Backing { Host, Built };

struct Mount {
  Zone zone = Zone::Read;
  Backing backing = Backing::Host;
};

class View {
 public:
  struct Parts {
    UniqueFd agent_root;  // O_PATH descriptor of the agent's root, the top of its mount tree
    UniqueFd host_root;   // O_PATH descriptor of our own "/"
    std::unordered_map<std::uint64_t, Mount> mounts;    // by mount id (statx STATX_MNT_ID)
    std::function<bool(std::string_view path)> hidden;  // canonical path; empty: nothing is
    // A mount of the agent's that is not in `mounts` (inherited from the host): asked once, with a folder on it.
    std::function<Mount(std::uint64_t id, int folder)> unknown;
  };
  // EXDEV where the agent's root is not the top of its mount tree: then ".." could leave it.
  static Result<View> create(Parts parts);

  [[nodiscard]] int agent_root() const { return parts_.agent_root.get(); }
  [[nodiscard]] int host_root() const { return parts_.host_root.get(); }
  // A mount nobody told us of is judged like the rest of the machine: every change passes the rules.
  [[nodiscard]] Mount mount(std::uint64_t id) const;
  // The same for the mount of a folder that was walked to, of which more can be found out.
  [[nodiscard]] Mount mount_of(std::uint64_t id, int folder) const;
  [[nodiscard]] bool knows(std::uint64_t id) const { return parts_.mounts.contains(id); }
  [[nodiscard]] bool is_hidden(std::string_view path) const { return parts_.hidden && parts_.hidden(path); }
  [[nodiscard]] bool is_agent_root(const struct statx& stat) const;
  [[nodiscard]] const struct statx& agent_root_stat() const { return root_; }
  // Whether fs.protected_symlinks is on: then a link in a sticky folder that is another's is not followed.
  [[nodiscard]] bool protects_symlinks() const { return protects_symlinks_; }

 private:
  explicit View(Parts parts) : parts_(std::move(parts)) {}
  Parts parts_;
  mutable std::unordered_map<std::uint64_t, Mount> learnt_;  // what `unknown` said
  struct statx root_ {};
  bool protects_symlinks_ = true;
};

}  // namespace assent::resolve
