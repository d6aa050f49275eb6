#include "launch/mount_plan.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <string_view>

#include "base/show.h"
#include "launch/host_folders.h"
#include "launch/mount_aliases.h"
#include "launch/mount_placement.h"

namespace assent::launch {

namespace {

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
    if (auto ok = write_steps(placements_, layout_.read_gate, plan_); !ok) return pass(std::move(ok));
    return std::move(plan_);
  }

 private:
  Status place_claims() {
    for (const std::string& path : layout_.gated) {
      const auto real = well_formed(path) ? names_.of(path) : std::nullopt;
      if (!real) return cannot_lay_out(ENOENT, fmt::format("the gated path {} does not exist", show(path)));
      if (*real == "/") return cannot_lay_out(EINVAL, "the whole machine cannot be gated", "name the project's folder");
      placements_.placed.emplace(*real, Placement{Stands::Gated, *real, is_folder(*real), 0755, false});
    }
    // The strictest wins where one path stands in two lists: gated, then private, then free.
    for (const std::string& path : layout_.private_folders) {
      if (!well_formed(path) || path == "/")
        return cannot_lay_out(EINVAL, fmt::format("{} cannot be private", show(path)));
      place_private(path, path.starts_with("/run/") ? 0700 : 01777);
    }
    for (const std::string& path : layout_.free) {
      const auto real = well_formed(path) ? names_.of(path) : std::nullopt;
      if (!real) {
        note(fmt::format("free folder {} does not exist; left out", show(path)));
        continue;
      }
      if (*real == "/") return cannot_lay_out(EINVAL, "the whole machine cannot be free", "name the folders");
      placements_.placed.emplace(*real, Placement{Stands::Free, *real, is_folder(*real), 0755, false});
    }
    return {};
  }

  void place_private(const std::string& path, mode_t mode) {
    const std::string real = names_.of(path).value_or(path);
    placements_.placed.emplace(real, Placement{Stands::Private, {}, true, mode, false});
  }

  // /proc, /dev and /run are new in every sandbox.
  void place_system() {
    placements_.placed["/proc"] = Placement{Stands::Proc, {}, true, 0755, false};
    placements_.placed["/dev"] = Placement{Stands::Devices, {}, true, 0755, false};
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
      const std::string path = join("/dev", name);
      placements_.placed[path] = Placement{Stands::Device, path, false, 0666, true};
    }
    // ttyname(3) looks through /dev for the terminal's device, which the new devpts does not hold.
    if (!surroundings_.terminal_path.empty()) {
      placements_.placed["/dev/console"] = Placement{Stands::Device, surroundings_.terminal_path, false, 0620, true};
    }
    placements_.placed["/dev/pts"] = Placement{Stands::Devpts, {}, true, 0755, false};
    placements_.placed["/dev/shm"] = Placement{Stands::Private, {}, true, 01777, false};
    for (const auto& [name, text] :
         {std::pair{"ptmx", "pts/ptmx"}, std::pair{"fd", "/proc/self/fd"}, std::pair{"stdin", "/proc/self/fd/0"},
          std::pair{"stdout", "/proc/self/fd/1"}, std::pair{"stderr", "/proc/self/fd/2"}}) {
      placements_.placed[join("/dev", name)] = Placement{Stands::Link, text, false, 0777, false};
    }
    if (!is_folder("/run")) return;
    placements_.placed.emplace("/run", Placement{Stands::Private, {}, true, 0755, false});
    if (well_formed(surroundings_.runtime_dir) && beneath(surroundings_.runtime_dir, "/run")) {
      place_private(surroundings_.runtime_dir, 0700);
    }
    // What programs need of the host's /run: the resolver's file where /etc/resolv.conf leads into it, and the places
    // where some systems keep their programs (NixOS, Guix). Sockets and secrets stay out.
    if (const auto resolv = names_.of("/etc/resolv.conf"); resolv && beneath(*resolv, "/run")) {
      placements_.placed.emplace(*resolv, Placement{Stands::Bind, *resolv, false, 0644, true});
    }
    for (const char* name : {"current-system", "booted-system", "opengl-driver"}) {
      const std::string path = join("/run", name);
      struct stat stat {};
      if (::lstat(path.c_str(), &stat) != 0) continue;
      if (S_ISLNK(stat.st_mode)) {
        placements_.placed.emplace(path, Placement{Stands::Link, link_text(path), false, 0777, true});
      } else {
        placements_.placed.emplace(path, Placement{Stands::Bind, path, S_ISDIR(stat.st_mode), 0755, true});
      }
    }
  }

  Status place_extra() {
    for (const ExtraBind& bind : layout_.extra) {
      if (!well_formed(bind.inside)) return cannot_lay_out(EINVAL, fmt::format("{} is not a place", show(bind.inside)));
      const auto outside = well_formed(bind.outside) ? names_.of(bind.outside) : std::nullopt;
      if (!outside) return cannot_lay_out(ENOENT, fmt::format("{} does not exist", show(bind.outside)));
      // A mount does not follow a symbolic link in the last place: mount on what it leads to.
      const std::string inside = names_.of(bind.inside).value_or(bind.inside);
      placements_.placed[inside] = Placement{Stands::Bind, *outside, is_folder(*outside), 0644, false};
    }
    return {};
  }

  bool holds_a_claim(const std::string& path) const {
    const auto next = placements_.placed.upper_bound(path + "/");
    return next != placements_.placed.end() && beneath(next->first, path);
  }

  // Hidden: not in a skeleton. Inside a gated folder only a mask is possible; inside a free one nothing is.
  Status sort_hidden() {
    for (const std::string& path : layout_.masked) {
      if (auto ok = hide_or_mask(path); !ok) return ok;
    }
    for (const std::string& path : layout_.hidden) {
      if (!well_formed(path) || path == "/")
        return cannot_lay_out(EINVAL, fmt::format("{} cannot be hidden", show(path)));
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
    const auto* cover = placements_.covering(path);
    if (cover != nullptr) {
      switch (cover->second.stands) {
        case Stands::Gated:
          if (cover->first == path) break;  // the gated folder itself is asked for: gating it is what counts
          mask(path);
          return {};
        case Stands::Free:
          return cannot_lay_out(
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
    placements_.masks[path] = S_ISDIR(stat.st_mode);
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
        if (const auto* cover = placements_.covering(above); cover != nullptr) break;
      }
    }
    std::size_t total = 0;
    for (const std::string& folder : folders) {
      auto entries = entries_of(folder);
      if (!entries) return pass(std::move(entries));
      total += entries->size();
      if (total > kMostEntries) {
        return cannot_lay_out(E2BIG, fmt::format("{} holds too many names to hide one of them", show(folder)),
                              "move what is to be hidden into a folder of its own");
      }
      const bool nested = folders.contains(parent_of(folder));
      placements_.placed.emplace(
          folder, Placement{nested ? Stands::SkeletonFolder : Stands::Skeleton, folder, true, mode_of(folder), false});
      for (const HostEntry& entry : *entries) {
        const std::string path = join(folder, entry.name);
        if (hidden_.contains(path) || folders.contains(path)) continue;
        if (entry.type == DT_LNK) {
          placements_.placed.emplace(path, Placement{Stands::Link, link_text(path), false, 0777, true});
        } else {
          placements_.placed.emplace(path, Placement{Stands::Entry, entry.name, entry.type == DT_DIR, 0755, true});
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
    const auto* cover = placements_.covering(path);
    const bool there = cover == nullptr || cover->second.stands == Stands::Gated ||
                       cover->second.stands == Stands::Free || cover->second.stands == Stands::Entry;
    if (there) mask(path);
  }

  void note(std::string text) { plan_.notes.push_back(std::move(text)); }

  const Layout& layout_;
  const Surroundings& surroundings_;
  MountPlan plan_;
  CanonicalNames names_;
  MountAliases aliases_ = MountAliases::of_this_process();
  Placements placements_;
  std::set<std::string> hidden_;
};

}  // namespace

Result<MountPlan> plan_mounts(const Layout& layout, const Surroundings& surroundings) {
  return Planner(layout, surroundings).plan();
}

}  // namespace assent::launch
