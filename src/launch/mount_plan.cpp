#include "launch/mount_plan.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/show.h"
#include "launch/host_folders.h"
#include "launch/mount_aliases.h"

namespace assent::launch {

namespace {

// ---- what stands at a path of the agent's view

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

bool can_hold_new_names(Stands stands) {
  switch (stands) {
    case Stands::Private:
    case Stands::Skeleton:
    case Stands::SkeletonFolder:
    case Stands::Devices:
      return true;
    case Stands::Proc:
    case Stands::Devpts:
    case Stands::Gated:
    case Stands::Free:
    case Stands::Bind:
    case Stands::Device:
    case Stands::Entry:
    case Stands::Link:
      return false;
  }
  return false;
}

struct Placement {
  Stands stands = Stands::Entry;
  std::string source;  // host path, entry name or link text
  bool folder = true;
  mode_t mode = 0755;
  bool optional = false;
};

constexpr std::size_t kMostEntries = 20'000;  // the kernel's own limit is 100,000 mounts a namespace

class Planner {
 public:
  Planner(const Layout& layout, const Surroundings& surroundings) : layout_(layout), surroundings_(surroundings) {}

  Result<MountPlan> plan() {
    if (auto ok = place_claims(); !ok) return pass(std::move(ok));
    place_system();
    if (auto ok = place_extra(); !ok) return pass(std::move(ok));
    if (auto ok = sort_hidden(); !ok) return pass(std::move(ok));
    if (auto ok = place_skeletons(); !ok) return pass(std::move(ok));
    cover_own();
    if (auto ok = emit(); !ok) return pass(std::move(ok));
    emit_masks();
    list_rights();
    return std::move(plan_);
  }

 private:
  Status refuse(int code, const std::string& why, std::string_view next_step = "look at [filesystem] in the profile") {
    return fail(code, fmt::format("cannot lay out the sandbox: {} ({}); {}", why, ::strerrorname_np(code), next_step));
  }

  Status place_claims() {
    for (const std::string& path : layout_.gated) {
      const auto real = well_formed(path) ? names_.of(path) : std::nullopt;
      if (!real) return refuse(ENOENT, fmt::format("the gated path {} does not exist", show(path)));
      if (*real == "/") return refuse(EINVAL, "the whole machine cannot be gated", "name the project's folder");
      placed_.emplace(*real, Placement{Stands::Gated, *real, is_folder(*real), 0755, false});
    }
    // The strictest wins where one path stands in two lists: gated, then private, then free.
    for (const std::string& path : layout_.private_folders) {
      if (!well_formed(path) || path == "/") return refuse(EINVAL, fmt::format("{} cannot be private", show(path)));
      place_private(path, path.starts_with("/run/") ? 0700 : 01777);
    }
    for (const std::string& path : layout_.free) {
      const auto real = well_formed(path) ? names_.of(path) : std::nullopt;
      if (!real) {
        note(fmt::format("free folder {} does not exist; left out", show(path)));
        continue;
      }
      if (*real == "/") return refuse(EINVAL, "the whole machine cannot be free", "name the folders");
      placed_.emplace(*real, Placement{Stands::Free, *real, is_folder(*real), 0755, false});
    }
    return {};
  }

  void place_private(const std::string& path, mode_t mode) {
    const std::string real = names_.of(path).value_or(path);
    placed_.emplace(real, Placement{Stands::Private, {}, true, mode, false});
  }

  // /proc, /dev and /run are new in every sandbox.
  void place_system() {
    placed_["/proc"] = Placement{Stands::Proc, {}, true, 0755, false};
    placed_["/dev"] = Placement{Stands::Devices, {}, true, 0755, false};
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
      const std::string path = join("/dev", name);
      placed_[path] = Placement{Stands::Device, path, false, 0666, true};
    }
    // ttyname(3) looks through /dev for the terminal's device, which the new devpts does not hold.
    if (!surroundings_.terminal_path.empty()) {
      placed_["/dev/console"] = Placement{Stands::Device, surroundings_.terminal_path, false, 0620, true};
    }
    placed_["/dev/pts"] = Placement{Stands::Devpts, {}, true, 0755, false};
    placed_["/dev/shm"] = Placement{Stands::Private, {}, true, 01777, false};
    for (const auto& [name, text] :
         {std::pair{"ptmx", "pts/ptmx"}, std::pair{"fd", "/proc/self/fd"}, std::pair{"stdin", "/proc/self/fd/0"},
          std::pair{"stdout", "/proc/self/fd/1"}, std::pair{"stderr", "/proc/self/fd/2"}}) {
      placed_[join("/dev", name)] = Placement{Stands::Link, text, false, 0777, false};
    }
    if (!is_folder("/run")) return;
    placed_.emplace("/run", Placement{Stands::Private, {}, true, 0755, false});
    if (well_formed(surroundings_.runtime_dir) && beneath(surroundings_.runtime_dir, "/run")) {
      place_private(surroundings_.runtime_dir, 0700);
    }
    // What programs need of the host's /run: the resolver's file where /etc/resolv.conf leads into it, and the places
    // where some systems keep their programs (NixOS, Guix). Sockets and secrets stay out.
    if (const auto resolv = names_.of("/etc/resolv.conf"); resolv && beneath(*resolv, "/run")) {
      placed_.emplace(*resolv, Placement{Stands::Bind, *resolv, false, 0644, true});
    }
    for (const char* name : {"current-system", "booted-system", "opengl-driver"}) {
      const std::string path = join("/run", name);
      struct stat stat {};
      if (::lstat(path.c_str(), &stat) != 0) continue;
      if (S_ISLNK(stat.st_mode)) {
        placed_.emplace(path, Placement{Stands::Link, link_text(path), false, 0777, true});
      } else {
        placed_.emplace(path, Placement{Stands::Bind, path, S_ISDIR(stat.st_mode), 0755, true});
      }
    }
  }

  Status place_extra() {
    for (const ExtraBind& bind : layout_.extra) {
      if (!well_formed(bind.inside)) return refuse(EINVAL, fmt::format("{} is not a place", show(bind.inside)));
      const auto outside = well_formed(bind.outside) ? names_.of(bind.outside) : std::nullopt;
      if (!outside) return refuse(ENOENT, fmt::format("{} does not exist", show(bind.outside)));
      // A mount does not follow a symbolic link in the last place: mount on what it leads to.
      const std::string inside = names_.of(bind.inside).value_or(bind.inside);
      placed_[inside] = Placement{Stands::Bind, *outside, is_folder(*outside), 0644, false};
    }
    return {};
  }

  // The deepest thing placed at or above `path`.
  const std::pair<const std::string, Placement>* covering(const std::string& path) const {
    for (std::string at = path;; at = parent_of(at)) {
      if (const auto found = placed_.find(at); found != placed_.end()) return &*found;
      if (at == "/") return nullptr;
    }
  }

  bool holds_a_claim(const std::string& path) const {
    const auto next = placed_.upper_bound(path + "/");
    return next != placed_.end() && beneath(next->first, path);
  }

  // Hidden: not in a skeleton. Inside a gated folder only a mask is possible; inside a free one nothing is.
  Status sort_hidden() {
    for (const std::string& path : layout_.masked) {
      if (auto ok = hide_or_mask(path); !ok) return ok;
    }
    for (const std::string& path : layout_.hidden) {
      if (!well_formed(path) || path == "/") return refuse(EINVAL, fmt::format("{} cannot be hidden", show(path)));
      if (auto ok = hide_or_mask(path); !ok) return ok;
      // A link's name is hidden, and what it leads to as well.
      if (const auto real = names_.of(path); real && *real != path) {
        if (auto ok = hide_or_mask(*real); !ok) return ok;
      }
    }
    return {};
  }

  // And so is everything that another mount shows of it.
  Status hide_or_mask(const std::string& given) {
    const std::string path = canonical_folder_of(given);
    for (const std::string& alias : aliases_.of(path)) {
      if (!is_folder(parent_of(alias))) continue;
      if (auto ok = hide_one(alias); !ok) return ok;
    }
    return hide_one(path);
  }

  // By the canonical name of the folder it stands in, as far as that exists.
  std::string canonical_folder_of(const std::string& given) {
    std::string folder = parent_of(given);
    std::string rest = given.substr(folder == "/" ? 0 : folder.size());
    std::optional<std::string> real = names_.of(folder);
    while (!real) {
      rest = folder.substr(parent_of(folder) == "/" ? 0 : parent_of(folder).size()) + rest;
      folder = parent_of(folder);
      real = names_.of(folder);
    }
    return *real == "/" ? rest : *real + rest;
  }

  Status hide_one(const std::string& path) {
    const auto* cover = covering(path);
    if (cover != nullptr) {
      switch (cover->second.stands) {
        case Stands::Gated:
          if (cover->first == path) break;  // the gated folder itself is asked for: gating it is what counts
          mask(path);
          return {};
        case Stands::Free:
          return refuse(
              EINVAL, fmt::format("{} is to be hidden, but lies in the free folder {}", show(path), show(cover->first)),
              "free a narrower folder");
        case Stands::Private:
        case Stands::Devices:
        case Stands::Proc:
        case Stands::Devpts:
        case Stands::Device:
        case Stands::Bind:
        case Stands::Link:
        case Stands::Skeleton:
        case Stands::SkeletonFolder:
        case Stands::Entry:
          break;
      }
      if (cover->first != path || cover->second.stands != Stands::Gated) {
        if (!holds_a_claim(path) && cover->first != path) plan_.absent.push_back(path);
      }
      return {};
    }
    if (parent_of(path) == "/") {
      // The root itself cannot be built anew without leaving it. Only the machine's administrator can replace a name
      // there, so an empty mount over it holds.
      mask(path);
      return {};
    }
    hidden_.insert(path);
    if (!holds_a_claim(path)) plan_.absent.push_back(path);
    return {};
  }

  void mask(const std::string& path) {
    struct stat stat {};
    if (::lstat(path.c_str(), &stat) != 0) return;  // nothing there; a name made later is the read gate's business
    if (S_ISLNK(stat.st_mode)) {
      note(fmt::format("{} is a symbolic link inside a gated folder; what it leads to is hidden instead", show(path)));
      return;
    }
    masks_[path] = S_ISDIR(stat.st_mode);
  }

  // Folders that must be built from a list: the one a hidden name stands in, and above it every folder whose entry on
  // the way the user could replace by a rename (else moving ~/.config away and a new one in brings the name back).
  Status place_skeletons() {
    std::set<std::string> folders;
    for (const std::string& hidden : hidden_) {
      std::string folder = parent_of(hidden);
      while (folder != "/" && !is_folder(folder)) folder = parent_of(folder);
      for (; folder != "/"; folder = parent_of(folder)) {
        folders.insert(folder);
        const std::string above = parent_of(folder);
        if (above == "/" || ::access(above.c_str(), W_OK) != 0) break;
        if (const auto* cover = covering(above); cover != nullptr) break;
      }
    }
    std::size_t total = 0;
    for (const std::string& folder : folders) {
      auto entries = entries_of(folder);
      if (!entries) return pass(std::move(entries));
      total += entries->size();
      if (total > kMostEntries) {
        return refuse(E2BIG, fmt::format("{} holds too many names to hide one of them", show(folder)),
                      "move what is to be hidden into a folder of its own");
      }
      const bool nested = folders.contains(parent_of(folder));
      placed_.emplace(
          folder, Placement{nested ? Stands::SkeletonFolder : Stands::Skeleton, folder, true, mode_of(folder), false});
      for (const HostEntry& entry : *entries) {
        const std::string path = join(folder, entry.name);
        if (hidden_.contains(path) || folders.contains(path)) continue;
        if (entry.type == DT_LNK) {
          placed_.emplace(path, Placement{Stands::Link, link_text(path), false, 0777, true});
        } else {
          placed_.emplace(path, Placement{Stands::Entry, entry.name, entry.type == DT_DIR, 0755, true});
        }
      }
    }
    return {};
  }

  // Where the agent's view has such a folder at all.
  void cover_own() {
    for (const std::string& path : layout_.covered) {
      const auto real = well_formed(path) ? names_.of(path) : std::nullopt;
      if (!real || *real == "/") continue;
      cover_one(*real);
      for (const std::string& alias : aliases_.of(*real)) cover_one(alias);
    }
  }

  void cover_one(const std::string& path) {
    const auto* cover = covering(path);
    const bool there = cover == nullptr || cover->second.stands == Stands::Gated ||
                       cover->second.stands == Stands::Free || cover->second.stands == Stands::Entry;
    if (there) mask(path);
  }

  // Parents come before children: "/a" sorts before "/a/b".
  Status emit() {
    for (const auto& [path, placement] : placed_) {
      const auto* cover = path == "/" ? nullptr : covering(parent_of(path));
      // Inside a folder that is gone from the sandbox (a hidden one) or new in it, the place must be made.
      const bool make = cover != nullptr && can_hold_new_names(cover->second.stands);
      if (make) {
        make_way(cover->first, path);
      } else if (::access(path.c_str(), F_OK) != 0 && placement.stands != Stands::Device) {
        if (placement.stands != Stands::Private) {
          return refuse(ENOENT, fmt::format("{} does not exist on the machine, and cannot be made there", show(path)));
        }
        note(fmt::format("private folder {} does not exist on the machine; left out", show(path)));
        continue;
      }
      if (auto ok = emit_one(path, placement, make); !ok) return ok;
    }
    return {};
  }

  void make_way(const std::string& from, const std::string& path) {
    std::vector<std::string> missing;
    for (std::string at = parent_of(path); at != from; at = parent_of(at)) missing.push_back(at);
    for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
      if (!made_.insert(*at).second) continue;
      Step step;
      step.path = *at;
      plan_.steps.push_back(std::move(step));
    }
  }

  void make_place(const std::string& path, const Placement& placement) {
    if (!made_.insert(path).second) return;
    Step step;
    step.act = placement.folder ? Step::Act::Folder : Step::Act::File;
    step.path = path;
    step.mode = placement.folder ? placement.mode : 0444;
    plan_.steps.push_back(std::move(step));
  }

  int report(const std::string& path, Zone zone, MountKind kind = MountKind::Plain) {
    plan_.reports.push_back(MountEntry{zone, kind, path, true});
    return static_cast<int>(plan_.reports.size()) - 1;
  }

  int take(Early::Take what, const std::string& path, bool may_be_missing) {
    plan_.early.push_back(Early{what, path, may_be_missing});
    return static_cast<int>(plan_.early.size()) - 1;
  }

  Status emit_one(const std::string& path, const Placement& placement, bool make) {
    Step step;
    step.path = path;
    step.mode = placement.mode;
    step.optional = placement.optional;
    switch (placement.stands) {
      case Stands::Link:
        step.act = Step::Act::Link;
        step.source = placement.source;
        plan_.steps.push_back(std::move(step));
        return {};
      case Stands::SkeletonFolder:
        step.act = Step::Act::Folder;
        if (made_.insert(path).second) plan_.steps.push_back(std::move(step));
        folder_numbers_[path] = take(Early::Take::Folder, path, false);
        return {};
      case Stands::Skeleton:
        step.act = Step::Act::Tmpfs;
        step.seal = true;
        step.report = report(path, Zone::Read, MountKind::Skeleton);
        folder_numbers_[path] = take(Early::Take::Folder, path, false);
        break;
      case Stands::Private:
        step.act = Step::Act::Tmpfs;
        step.report = report(path, Zone::Private);
        plan_.writable.push_back(path);
        break;
      case Stands::Devices:
        step.act = Step::Act::Tmpfs;
        step.seal = true;
        step.report = report(path, Zone::Kernel);
        break;
      case Stands::Proc:
        step.act = Step::Act::Proc;
        step.report = report(path, Zone::Kernel);
        break;
      case Stands::Devpts:
        step.act = Step::Act::Devpts;
        step.report = report(path, Zone::Kernel);
        plan_.devices.push_back(path);
        break;
      case Stands::Device:
        step.act = Step::Act::Attach;
        step.early = take(Early::Take::Device, placement.source, true);
        step.report = report(path, Zone::Kernel);
        step.optional = true;
        plan_.devices.push_back(path);
        break;
      case Stands::Gated:
        step.act = Step::Act::Attach;
        step.early = take(Early::Take::ReadOnly, placement.source, false);
        step.report = report(path, Zone::Gated);
        break;
      case Stands::Free:
        step.act = Step::Act::Attach;
        step.early = take(Early::Take::Writable, placement.source, false);
        step.report = report(path, Zone::Free);
        plan_.writable.push_back(path);
        break;
      case Stands::Bind:
        step.act = Step::Act::Attach;
        step.early = take(Early::Take::ReadOnly, placement.source, placement.optional);
        break;
      case Stands::Entry:
        step.act = Step::Act::Entry;
        step.source = placement.source;
        step.early = folder_numbers_.at(parent_of(path));
        break;
    }
    if (make) make_place(path, placement);
    plan_.steps.push_back(std::move(step));
    return {};
  }

  void emit_masks() {
    for (const auto& [path, folder] : masks_) {
      Step step;
      step.act = folder ? Step::Act::MaskFolder : Step::Act::MaskFile;
      step.path = path;
      step.report = report(path, Zone::Read, MountKind::Mask);
      plan_.steps.push_back(std::move(step));
    }
  }

  void list_rights() {
    if (layout_.read_gate == ReadGate::Open) return;
    for (const auto& [path, folder] : masks_) {
      plan_.unreadable.push_back(path);
      for (std::string at = parent_of(path);; at = parent_of(at)) {
        if (std::find(plan_.read_ways.begin(), plan_.read_ways.end(), at) == plan_.read_ways.end()) {
          plan_.read_ways.push_back(at);
        }
        if (at == "/") break;
      }
    }
    // With nothing masked every folder may be read; the right still has to be granted somewhere.
    if (plan_.read_ways.empty()) plan_.read_ways.emplace_back("/");
    for (MountEntry& entry : plan_.reports) {
      entry.reads_granted = std::none_of(plan_.read_ways.begin(), plan_.read_ways.end(),
                                         [&](const std::string& way) { return at_or_beneath(way, entry.path); });
    }
  }

  void note(std::string text) { plan_.notes.push_back(std::move(text)); }

  const Layout& layout_;
  const Surroundings& surroundings_;
  MountPlan plan_;
  CanonicalNames names_;
  MountAliases aliases_ = MountAliases::of_this_process();
  std::map<std::string, Placement> placed_;
  std::set<std::string> hidden_;
  std::map<std::string, bool> masks_;  // path, whether it is a folder
  std::set<std::string> made_;
  std::map<std::string, int> folder_numbers_;
};

}  // namespace

Result<MountPlan> plan_mounts(const Layout& layout, const Surroundings& surroundings) {
  return Planner(layout, surroundings).plan();
}

}  // namespace assent::launch
