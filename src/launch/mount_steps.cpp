// Steps, reports and rights from what stands where (mount_placement.h).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <vector>

#include "base/show.h"
#include "launch/host_folders.h"
#include "launch/mount_placement.h"

namespace assent::launch {

namespace {

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

class StepWriter {
 public:
  StepWriter(const Placements& placements, MountPlan& plan) : placements_(placements), plan_(plan) {}

  // Parents come before children: "/a" sorts before "/a/b".
  Status write() {
    for (const auto& [path, placement] : placements_.placed) {
      const auto* cover = path == "/" ? nullptr : placements_.covering(parent_of(path));
      // Inside a folder that is gone from the sandbox (a hidden one) or new in it, the place must be made.
      const bool make = cover != nullptr && can_hold_new_names(cover->second.stands);
      if (make) {
        make_way(cover->first, path);
      } else if (::access(path.c_str(), F_OK) != 0 && placement.stands != Stands::Device) {
        if (placement.stands != Stands::Private) {
          return cannot_lay_out(ENOENT,
                                fmt::format("{} does not exist on the machine, and cannot be made there", show(path)));
        }
        plan_.notes.push_back(fmt::format("private folder {} does not exist on the machine; left out", show(path)));
        continue;
      }
      if (auto ok = write_one(path, placement, make); !ok) return ok;
    }
    write_masks();
    return {};
  }

  void list_rights(ReadGate read_gate) {
    if (read_gate == ReadGate::Open) return;
    for (const auto& [path, folder] : placements_.masks) {
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

 private:
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

  Status write_one(const std::string& path, const Placement& placement, bool make) {
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

  void write_masks() {
    for (const auto& [path, folder] : placements_.masks) {
      Step step;
      step.act = folder ? Step::Act::MaskFolder : Step::Act::MaskFile;
      step.path = path;
      step.report = report(path, Zone::Read, MountKind::Mask);
      plan_.steps.push_back(std::move(step));
    }
  }

  const Placements& placements_;
  MountPlan& plan_;
  std::set<std::string> made_;
  std::map<std::string, int> folder_numbers_;
};

}  // namespace

const std::pair<const std::string, Placement>* Placements::covering(const std::string& path) const {
  for (std::string at = path;; at = parent_of(at)) {
    if (const auto found = placed.find(at); found != placed.end()) return &*found;
    if (at == "/") return nullptr;
  }
}

tl::unexpected<Error> cannot_lay_out(int code, const std::string& why, std::string_view next_step) {
  return fail(code, fmt::format("cannot lay out the sandbox: {} ({}); {}", why, ::strerrorname_np(code), next_step));
}

Status write_steps(const Placements& placements, ReadGate read_gate, MountPlan& plan) {
  StepWriter writer(placements, plan);
  if (auto ok = writer.write(); !ok) return ok;
  writer.list_rights(read_gate);
  return {};
}

}  // namespace assent::launch
