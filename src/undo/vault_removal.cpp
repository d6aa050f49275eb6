// Vault: what is removed: moved into the mirrored tree, else copied; folders one by one.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "undo/object.h"
#include "undo/vault.h"
#include "undo/vault_parts.h"

namespace assent::undo {

namespace {

// What an unlink of the same name would have met as well: no failure of the vault.
bool is_the_acts_own(int code) { return code == EACCES || code == EPERM || code == EROFS || code == EBUSY; }

enum class Identity { Same, Other, Gone };
Identity compare(int folder, const char* name, const FileId& judged, struct statx* out = nullptr) {
  auto stat = sys::statx(folder, name);
  if (!stat) return Identity::Gone;
  if (out != nullptr) *out = *stat;
  return sys::id_of(*stat) == judged ? Identity::Same : Identity::Other;
}

}  // namespace

Result<Removal> Vault::keep_removed(const Directory& directory, const std::string& at, const Target& judged,
                                    std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (!judged.stat) return fail(EIO, "cannot keep what was not looked at");
  if (waived_.contains(sequence) || !is_kept_zone(judged.zone))
    return copy_in(directory, at, judged, sequence, nullptr);
  Record record;
  record.sequence = sequence;
  record.path = child(directory.path, judged.name);
  record.id = judged.id;
  record.metadata = metadata_of(*judged.stat);
  if (auto status = ensure_open(sequence); !status) return pass(std::move(status));
  if (S_ISDIR(judged.stat->stx_mode)) return remove_folder(directory, at, judged, record);

  if (auto room = make_sure_of_room(record, disk_bytes(*judged.stat)); !room) return pass(std::move(room));
  record.kind = Kind::Removed;
  record.size = judged.stat->stx_size;
  record.links = judged.stat->stx_nlink;
  record.written = written_.contains(judged.id);
  auto removed = move_in(directory, at, judged, record);
  if (removed && *removed == Removal::Taken) {
    bytes_ += disk_bytes(*judged.stat);
    ++objects_;
    ++moved_[judged.id].names;
  }
  return removed;
}

Result<Removal> Vault::move_in(const Directory& directory, const std::string& at, const Target& judged,
                               Record& record) {
  const std::uint64_t key = mount_key(directory);
  if (const auto known = store_of_.find(key); known != store_of_.end()) {
    if (known->second < 0) return copy_in(directory, at, judged, record.sequence, &record);
    auto moved = try_store(static_cast<unsigned>(known->second), directory, at, judged, record);
    if (moved || moved.error().code != EXDEV) return moved;
  }
  for (unsigned number = 0; number < stores_.size(); ++number) {
    if (auto status = stores_[number].open(); !status) {
      if (number == 0) return pass(std::move(status));
      continue;
    }
    if (stores_[number].device() != directory.id.device) continue;
    auto moved = try_store(number, directory, at, judged, record);
    if (!moved && moved.error().code == EXDEV) continue;
    if (moved) store_of_[key] = static_cast<int>(number);
    return moved;
  }
  store_of_[key] = -1;
  return copy_in(directory, at, judged, record.sequence, &record);
}

Result<Removal> Vault::try_store(unsigned number, const Directory& directory, const std::string& at,
                                 const Target& judged, Record& record) {
  Store& store = stores_[number];
  std::string layer = "L0";
  for (int attempt = 0; attempt < 8; ++attempt) {
    auto mirror = store.mirror(layer, directory.path);
    const bool in_the_way = !mirror && (mirror.error().code == ENOTDIR || mirror.error().code == ELOOP);
    if (!mirror && !in_the_way) return cannot_keep(record, mirror.error().code);
    if (mirror) {
      record.store = number;
      record.place = layer + record.path;
      record.how = How::Moved;
      if (auto status = note(record); !status) return pass(std::move(status));
      const int code = rename_noreplace(directory.host.get(), at.c_str(), *mirror, judged.name.c_str());
      if (code == 0) {
        step(Step::Moved);
        struct statx caught {};
        if (compare(*mirror, judged.name.c_str(), judged.id, &caught) == Identity::Same) return Removal::Taken;
        // Another object had the name by now: back with it.
        if (rename_noreplace(*mirror, judged.name.c_str(), directory.host.get(), at.c_str()) == 0) {
          make_void(record);
          step(Step::PutBack);
          return Removal::Raced;
        }
        // Its name was taken once more. It stays here, whole, and can be restored like any other.
        make_void(record);
        Record other = record;
        other.id = sys::id_of(caught);
        other.metadata = metadata_of(caught);
        (void)note(other).has_value();
        return cannot_keep(record, EIO);
      }
      make_void(record);
      if (code == ENOENT) return Removal::Raced;
      if (code != EEXIST) {
        if (code == EXDEV) return fail(EXDEV, "another mount");
        if (is_the_acts_own(code)) return fail(code, "rename");
        return cannot_keep(record, code);
      }
    }
    // The path was kept before in this session (or a name of it is one now): a tree of its own.
    layer = fmt::format("L{}", next_layer_++);
  }
  return cannot_keep(record, EIO);
}

Result<Removal> Vault::remove_folder(const Directory& directory, const std::string& at, const Target& judged,
                                     Record& record) {
  const int fd = directory.host.get();
  auto folder = sys::openat(fd, at.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    if (folder.error().code == ENOENT || folder.error().code == ENOTDIR) return Removal::Raced;
    return cannot_keep(record, folder.error().code);
  }
  struct statx stat {};
  if (compare(folder->get(), "", judged.id, &stat) != Identity::Same) return Removal::Raced;
  auto metadata = read_metadata(folder->get(), stat);
  if (!metadata) return cannot_keep(record, metadata.error().code);
  record.kind = Kind::Folder;
  record.metadata = std::move(*metadata);
  if (auto status = note(record); !status) return pass(std::move(status));

  const bool staged_already = at != judged.name;
  const std::string stage = staged_already || !options_.stage_name ? at : options_.stage_name(record.sequence);
  bool staged = false;
  if (stage != at) {
    const int code = rename_noreplace(fd, at.c_str(), fd, stage.c_str());
    // overlayfs cannot rename a folder of its lower layer; then it is removed where it is, if it is still empty.
    if (code != 0 && code != EXDEV) {
      make_void(record);
      if (code == ENOENT) return Removal::Raced;
      return fail(code, "rename");
    }
    staged = code == 0;
    if (staged) step(Step::Staged);
  }
  const std::string& now = staged ? stage : at;
  const auto back = [&] {
    make_void(record);
    if (staged && rename_noreplace(fd, stage.c_str(), fd, at.c_str()) == 0) step(Step::PutBack);
  };
  if (compare(fd, now.c_str(), judged.id) != Identity::Same) {
    back();
    return Removal::Raced;
  }
  if (::unlinkat(fd, now.c_str(), AT_REMOVEDIR) != 0) {
    const int code = errno;
    back();
    return fail(code, "rmdir");
  }
  step(Step::Gone);
  return Removal::Taken;
}

// `record` null: nothing is kept (waived), but what is removed is still exactly what was judged.
Result<Removal> Vault::copy_in(const Directory& directory, const std::string& at, const Target& judged,
                               std::uint64_t sequence, Record* record) {
  const int fd = directory.host.get();
  const std::string stage = at != judged.name || !options_.stage_name ? at : options_.stage_name(sequence);
  if (stage != at) {
    const int code = rename_noreplace(fd, at.c_str(), fd, stage.c_str());
    if (code == ENOENT) return Removal::Raced;
    if (code != 0) return fail(code, "rename");
    step(Step::Staged);
  }
  const auto back = [&] {
    if (stage == at) return;
    if (rename_noreplace(fd, stage.c_str(), fd, at.c_str()) == 0) step(Step::PutBack);
  };
  auto object = sys::openat(fd, stage.c_str(), O_PATH | O_NOFOLLOW);
  struct statx stat {};
  if (!object || compare(object->get(), "", judged.id, &stat) != Identity::Same) {
    back();
    return Removal::Raced;
  }
  if (record != nullptr) {
    const auto refuse = [&](int code) {
      back();
      return cannot_keep(*record, code);
    };
    auto metadata = read_metadata(object->get(), stat);
    if (!metadata) return refuse(metadata.error().code);
    auto copy = take_prepared(stat);
    if (!copy) {
      copy.emplace();
      auto from = S_ISREG(stat.stx_mode) ? open_to_read(object->get(), stat) : Result<UniqueFd>(UniqueFd());
      if (!from) return refuse(from.error().code);
      if (*from) copy->store = store_for_copy(from->get(), sys::id_of(stat).device);
      auto objects = stores_[copy->store].objects();
      if (!objects) return refuse(objects.error().code);
      const std::string name = std::to_string(next_object_++);
      auto copied = copy_object(object->get(), stat, *objects, name.c_str());
      if (!copied) {
        ::unlinkat(*objects, name.c_str(), 0);
        return refuse(copied.error().code);
      }
      copy->place = "objects/" + name;
      copy->how = *copied;
    }
    // What is about to be unlinked has no other copy.
    if (S_ISREG(stat.stx_mode)) {
      auto objects = stores_[copy->store].objects();
      if (!objects) return refuse(objects.error().code);
      auto file = sys::openat(*objects, name_in(copy->place), O_RDONLY | O_NOFOLLOW);
      if (!file || ::fdatasync(file->get()) != 0) return refuse(file ? errno : file.error().code);
    }
    step(Step::Copied);
    record->metadata = std::move(*metadata);
    record->store = copy->store;
    record->place = copy->place;
    record->how = copy->how;
    record->size = stat.stx_size;
    auto noted = note(*record);
    if (noted) noted = sync_locked();
    if (!noted) return refuse(noted.error().code);
  }
  if (::unlinkat(fd, stage.c_str(), S_ISDIR(stat.stx_mode) ? AT_REMOVEDIR : 0) != 0) {
    const int code = errno;
    if (record != nullptr) make_void(*record);
    back();
    return fail(code, "unlink");
  }
  step(Step::Gone);
  return Removal::Taken;
}

}  // namespace assent::undo
