// Vault: what is noted before an act: renames, metadata, the times of folders whose names change.
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "undo/object.h"
#include "undo/vault.h"
#include "undo/vault_parts.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMostPending = 65536;

}  // namespace

void Vault::note_in_passing(Record record) {
  if (manifest_) {
    if (!note(record)) unkept_.erase(record.sequence);
  } else if (pending_.size() < kMostPending) {
    pending_.push_back(std::move(record));
  }
}

void Vault::note_parent(const Directory& directory, std::uint64_t sequence) {
  if (!is_kept_zone(directory.zone)) return;
  if (!parents_.insert(directory.id).second) return;
  if (options_.is_own && options_.is_own(directory.id)) return;
  auto stat = sys::statx(directory.host.get(), "");
  if (!stat) return;
  Record record;
  record.kind = Kind::Parent;
  record.sequence = sequence;
  record.path = directory.path;
  record.id = directory.id;
  record.metadata = metadata_of(*stat);
  note_in_passing(std::move(record));
}

// And those that it lies in, up to the first that is not the session's own.
void Vault::took_in(const Directory& folder) {
  if (!options_.is_own || !options_.is_own(folder.id) || !took_in_.insert(folder.id).second) return;
  auto above = sys::openat(folder.host.get(), "..", O_PATH | O_DIRECTORY);
  while (above) {
    auto stat = sys::statx(above->get(), "");
    if (!stat || !options_.is_own(sys::id_of(*stat)) || !took_in_.insert(sys::id_of(*stat)).second) return;
    above = sys::openat(above->get(), "..", O_PATH | O_DIRECTORY);
  }
}

bool Vault::matters(const Target& target) const {
  return target.exists() && (!target.own || (!took_in_.empty() && took_in_.contains(target.id)));
}

Status Vault::note_rename(const Rename& act, const Target& from, const Target& to, std::uint64_t sequence) {
  if (!from.exists() || !from.parent || !to.parent) return {};
  const bool swap = (act.flags & RENAME_EXCHANGE) != 0;
  if (to.exists() && to.id == from.id) return {};
  if (!is_kept_zone(from.zone) || waived_.contains(sequence)) return {};
  if (!swap && to.own) {
    if (auto status = note_own_folder_gone(to, sequence); !status) return status;
  }
  if (!matters(from) && !(swap && matters(to))) return {};
  if (matters(from)) took_in(*to.parent);
  if (swap && matters(to)) took_in(*from.parent);
  if (auto status = ensure_open(sequence); !status) return status;
  Record record;
  record.kind = swap ? Kind::Swapped : Kind::Renamed;
  record.sequence = sequence;
  record.path = child(from.parent->path, from.name);
  record.other = child(to.parent->path, to.name);
  record.id = from.id;
  if (swap) record.other_id = to.id;
  auto noted = note(record);
  if (noted) noted_before_.emplace(sequence, record.order);
  return noted;
}

// So that a restore knows that the name is the agent's, though the object is not.
void Vault::note_link(const Target& object, const Target& name, std::uint64_t sequence) {
  if (!object.exists() || object.own || !name.parent || name.exists() || !is_kept_zone(name.zone)) return;
  took_in(*name.parent);
  Record record;
  record.kind = Kind::Linked;
  record.sequence = sequence;
  record.path = child(name.parent->path, name.name);
  record.id = object.id;
  note_in_passing(std::move(record));
}

Status Vault::note_own_folder_gone(const Target& folder, std::uint64_t sequence) {
  if (!folder.own || !matters(folder) || !S_ISDIR(folder.stat->stx_mode) || !folder.parent) return {};
  if (auto status = ensure_open(sequence); !status) return status;
  Record record;
  record.kind = Kind::Folder;
  record.sequence = sequence;
  record.path = child(folder.parent->path, folder.name);
  record.id = folder.id;
  record.metadata = metadata_of(*folder.stat);
  auto noted = note(record);
  if (noted) noted_before_.emplace(sequence, record.order);
  return noted;
}

Status Vault::note_metadata(const SetMetadata& act, const Target& target, std::uint64_t sequence) {
  if (!matters(target) || !is_kept_zone(target.zone)) return {};
  UniqueFd opened;
  int object = target.object.get();
  if (object < 0 && target.parent && !target.name.empty()) {
    opened.reset(::openat(target.parent->host.get(), target.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    object = opened.get();
  } else if (object < 0 && target.parent) {
    object = target.parent->host.get();
  }
  if (object < 0) return {};  // an object without a name: nothing could be put back by name
  auto stat = sys::statx(object, "");
  if (!stat) return pass(std::move(stat));
  if (!(sys::id_of(*stat) == target.id)) return {};  // the broker finds that out as well, and judges again
  Record record;
  record.kind = Kind::Changed;
  record.sequence = sequence;
  record.path = target.path;
  record.id = target.id;
  auto metadata =
      read_metadata(object, *stat, std::holds_alternative<SetFileFlags>(act.change) ? Flags::Yes : Flags::No);
  if (!metadata) return cannot_keep(record, metadata.error().code);
  record.metadata = std::move(*metadata);
  if (auto status = ensure_open(sequence); !status) return status;
  auto noted = note(record);
  if (noted) noted_before_.emplace(sequence, record.order);
  return noted;
}

Status Vault::before(const Action& action, std::span<const Target> targets, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto parent_of = [&](std::size_t number) -> Status {
    if (targets.size() > number && targets[number].parent) note_parent(*targets[number].parent, sequence);
    return {};
  };
  // Only what a restore has to know; acts that change nothing on the disk have nothing to note.
  if (std::holds_alternative<Remove>(action)) {
    (void)parent_of(0).has_value();
    return targets.empty() ? Status{} : note_own_folder_gone(targets[0], sequence);
  }
  if (std::holds_alternative<MakeDirectory>(action) || std::holds_alternative<MakeSymlink>(action) ||
      std::holds_alternative<MakeNode>(action) || std::holds_alternative<Bind>(action)) {
    return parent_of(0);
  }
  if (std::holds_alternative<Link>(action)) {
    if (targets.size() == 2) note_link(targets[0], targets[1], sequence);
    return parent_of(1);
  }
  if (std::holds_alternative<Open>(action)) return !targets.empty() && !targets[0].exists() ? parent_of(0) : Status{};
  if (const auto* act = std::get_if<SetMetadata>(&action)) {
    return targets.empty() || waived_.contains(sequence) ? Status{} : note_metadata(*act, targets[0], sequence);
  }
  if (const auto* act = std::get_if<Rename>(&action)) {
    (void)parent_of(0).has_value();
    (void)parent_of(1).has_value();
    return targets.size() == 2 ? note_rename(*act, targets[0], targets[1], sequence) : Status{};
  }
  return {};
}

}  // namespace assent::undo
