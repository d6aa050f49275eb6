#include "undo/vault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"

namespace assent::undo {

namespace {

constexpr auto kSyncEvery = std::chrono::milliseconds(50);

std::string child(const std::string& folder, const std::string& name) {
  return (folder == "/" ? "" : folder) + "/" + name;
}

enum class Identity { Same, Other, Gone };
Identity compare(int folder, const char* name, const FileId& judged, struct statx* out = nullptr) {
  auto stat = sys::statx(folder, name);
  if (!stat) return Identity::Gone;
  if (out != nullptr) *out = *stat;
  return sys::id_of(*stat) == judged ? Identity::Same : Identity::Other;
}

std::uint64_t disk_bytes(const struct statx& stat) { return S_ISREG(stat.stx_mode) ? stat.stx_blocks * 512 : 0; }

tl::unexpected<Error> cannot_keep(const std::string& path, int code) {
  return fail(code, fmt::format("cannot keep {} in the vault: {} ({}); it was left as it is", show(path),
                                ::strerrordesc_np(code), ::strerrorname_np(code)));
}

}  // namespace

Vault::Vault(VaultOptions options) : options_(std::move(options)) {
  stores_.emplace_back(options_.state_vault, options_.transaction);
  for (const auto& folder : options_.stores) {
    if (folder != options_.state_vault) stores_.emplace_back(folder, options_.transaction);
  }
}

Vault::~Vault() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (syncer_.joinable()) syncer_.join();
}

Status Vault::ensure_open() {
  if (manifest_) return {};
  auto root = stores_.front().open();
  if (!root) return pass(std::move(root));
  auto manifest = ManifestWriter::open(*root);
  if (!manifest) return pass(std::move(manifest));
  manifest_.emplace(std::move(*manifest));
  Record begin;
  begin.kind = Kind::Begin;
  begin.path = options_.about;
  if (auto status = note(begin); !status) return status;
  for (unsigned number = 0; number < stores_.size(); ++number) {
    Record record;
    record.kind = Kind::Store;
    record.store = number;
    record.path = stores_[number].folder();
    record.place = options_.transaction;
    if (auto status = note(record); !status) return status;
  }
  if (options_.already) already_ = options_.already();
  return {};
}

Status Vault::note(Record& record) {
  auto order = manifest_->append(record);
  if (!order) return pass(std::move(order));
  wake_syncer();
  step(Step::Noted);
  return {};
}

// Where even that cannot be written, the line stands for something that did not happen: a restore finds the object in
// its place and has nothing to do.
void Vault::make_void(const Record& record) {
  Record never;
  never.kind = Kind::Void;
  never.refers = record.order;
  (void)manifest_->append(never).has_value();
}

Status Vault::note_parent(const Directory& directory, std::uint64_t sequence) {
  if (directory.zone == Zone::Private || directory.zone == Zone::Free || directory.zone == Zone::Kernel) return {};
  if (!parents_.insert(directory.id).second) return {};
  if (options_.is_own && options_.is_own(directory.id)) return {};
  auto stat = sys::statx(directory.host.get(), "");
  if (!stat) return {};  // times of a folder that cannot be looked at cannot be given back either
  if (auto status = ensure_open(); !status) return status;
  Record record;
  record.kind = Kind::Parent;
  record.sequence = sequence;
  record.path = directory.path;
  record.id = directory.id;
  record.metadata = metadata_of(*stat);
  return note(record);
}

Status Vault::note_rename(const Rename& act, const Target& from, const Target& to, std::uint64_t sequence) {
  if (!from.exists() || !from.parent || !to.parent) return {};
  const bool swap = (act.flags & RENAME_EXCHANGE) != 0;
  if (from.own && (!swap || to.own)) return {};
  if (to.exists() && to.id == from.id) return {};
  if (auto status = ensure_open(); !status) return status;
  Record record;
  record.kind = swap ? Kind::Swapped : Kind::Renamed;
  record.sequence = sequence;
  record.path = child(from.parent->path, from.name);
  record.other = child(to.parent->path, to.name);
  record.id = from.id;
  if (swap) record.other_id = to.id;
  return note(record);
}

Status Vault::note_metadata(const SetMetadata& act, const Target& target, std::uint64_t sequence) {
  if (!target.exists() || target.own) return {};
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
  if (!metadata) return cannot_keep(target.path, metadata.error().code);
  record.metadata = std::move(*metadata);
  if (auto status = ensure_open(); !status) return status;
  return note(record);
}

Status Vault::before(const Action& action, std::span<const Target> targets, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto parent_of = [&](std::size_t number) -> Status {
    return targets.size() > number && targets[number].parent ? note_parent(*targets[number].parent, sequence)
                                                             : Status{};
  };
  // Only what a restore has to know; acts that change nothing on the disk have nothing to note.
  if (std::holds_alternative<Remove>(action) || std::holds_alternative<MakeDirectory>(action) ||
      std::holds_alternative<MakeSymlink>(action) || std::holds_alternative<MakeNode>(action)) {
    return parent_of(0);
  }
  if (std::holds_alternative<Link>(action)) return parent_of(1);
  if (std::holds_alternative<Open>(action)) return !targets.empty() && !targets[0].exists() ? parent_of(0) : Status{};
  if (const auto* act = std::get_if<SetMetadata>(&action)) {
    return targets.empty() || waived_.contains(sequence) ? Status{} : note_metadata(*act, targets[0], sequence);
  }
  if (const auto* act = std::get_if<Rename>(&action)) {
    if (auto status = parent_of(0); !status) return status;
    if (auto status = parent_of(1); !status) return status;
    return targets.size() == 2 ? note_rename(*act, targets[0], targets[1], sequence) : Status{};
  }
  return {};
}

Result<Removal> Vault::keep_removed(const Directory& directory, const std::string& at, const Target& judged,
                                    std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (!judged.stat) return fail(EIO, "cannot keep what was not looked at");
  if (waived_.contains(sequence)) return copy_in(directory, at, judged, sequence, nullptr);
  Record record;
  record.sequence = sequence;
  record.path = child(directory.path, judged.name);
  record.id = judged.id;
  record.metadata = metadata_of(*judged.stat);
  if (auto status = ensure_open(); !status) return pass(std::move(status));
  if (S_ISDIR(judged.stat->stx_mode)) return remove_folder(directory, at, judged, record);

  switch (room_locked(disk_bytes(*judged.stat))) {
    case Room::Enough:
      break;
    case Room::TooLarge:
      return cannot_keep(record.path, EFBIG);
    case Room::Full:
      return cannot_keep(record.path, ENOSPC);
  }
  record.kind = Kind::Removed;
  record.size = judged.stat->stx_size;
  record.links = judged.stat->stx_nlink;
  record.written = content_kept_.contains(judged.id);
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
  // Two mounts of one file system differ in nothing but the mount; the agent's mounts map to the host's.
  const std::uint64_t key = directory.id.device * 0x9E3779B97F4A7C15ULL + directory.mount;
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
    if (!mirror && !in_the_way) return cannot_keep(record.path, mirror.error().code);
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
        return cannot_keep(record.path, EIO);
      }
      make_void(record);
      if (code == ENOENT) return Removal::Raced;
      if (code != EEXIST) {
        if (code == EXDEV) return fail(EXDEV, "another mount");
        return cannot_keep(record.path, code);
      }
    }
    // The path was kept before in this session (or a name of it is one now): a tree of its own.
    layer = fmt::format("L{}", next_layer_++);
  }
  return cannot_keep(record.path, EIO);
}

Result<Removal> Vault::remove_folder(const Directory& directory, const std::string& at, const Target& judged,
                                     Record& record) {
  const int fd = directory.host.get();
  auto folder = sys::openat(fd, at.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    if (folder.error().code == ENOENT || folder.error().code == ENOTDIR) return Removal::Raced;
    return cannot_keep(record.path, folder.error().code);
  }
  struct statx stat {};
  if (compare(folder->get(), "", judged.id, &stat) != Identity::Same) return Removal::Raced;
  auto metadata = read_metadata(folder->get(), stat);
  if (!metadata) return cannot_keep(record.path, metadata.error().code);
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
      return cannot_keep(record->path, code);
    };
    auto objects = stores_.front().objects();
    if (!objects) return refuse(objects.error().code);
    const std::string name = std::to_string(next_object_++);
    auto metadata = read_metadata(object->get(), stat);
    if (!metadata) return refuse(metadata.error().code);
    auto copied = copy_object(object->get(), stat, *objects, name.c_str());
    if (!copied) return refuse(copied.error().code);
    // What is about to be unlinked has no other copy.
    if (S_ISREG(stat.stx_mode)) {
      auto copy = sys::openat(*objects, name.c_str(), O_RDONLY | O_NOFOLLOW);
      if (!copy || ::fdatasync(copy->get()) != 0) return refuse(errno);
    }
    step(Step::Copied);
    record->metadata = std::move(*metadata);
    record->store = 0;
    record->place = "objects/" + name;
    record->how = *copied;
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

Status Vault::keep_content(int object, const Target& judged, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (waived_.contains(sequence) || content_kept_.contains(judged.id)) return {};
  auto stat = sys::statx(object, "");
  if (!stat) return cannot_keep(judged.path, stat.error().code);
  if (!S_ISREG(stat->stx_mode)) return {};
  switch (room_locked(disk_bytes(*stat))) {
    case Room::Enough:
      break;
    case Room::TooLarge:
      return cannot_keep(judged.path, EFBIG);
    case Room::Full:
      return cannot_keep(judged.path, ENOSPC);
  }
  if (auto status = ensure_open(); !status) return status;
  Record record;
  record.kind = Kind::Content;
  record.sequence = sequence;
  record.path = judged.path;
  record.id = judged.id;
  record.size = stat->stx_size;
  record.links = stat->stx_nlink;
  auto metadata = read_metadata(object, *stat);
  if (!metadata) return cannot_keep(judged.path, metadata.error().code);
  record.metadata = std::move(*metadata);

  UniqueFd from(::open(ObjectPath(object).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC));
  if (!from) from.reset(::open(ObjectPath(object).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!from) return cannot_keep(judged.path, errno);
  // Blocks can be shared within one file system only, so the store of the same device comes first.
  for (unsigned number = static_cast<unsigned>(stores_.size()); number-- > 0;) {
    if (number != 0 && (!stores_[number].open() || stores_[number].device() != judged.id.device)) continue;
    auto objects = stores_[number].objects();
    if (!objects) return cannot_keep(judged.path, objects.error().code);
    const std::string name = std::to_string(next_object_++);
    auto to = sys::openat(*objects, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!to) return cannot_keep(judged.path, to.error().code);
    auto copied = copy_content(from.get(), to->get());
    if (copied && durable_ == sequence && ::fdatasync(to->get()) != 0) copied = sys::last_error("fdatasync");
    if (!copied) {
      ::unlinkat(*objects, name.c_str(), 0);
      return cannot_keep(judged.path, copied.error().code);
    }
    step(Step::Copied);
    record.store = number;
    record.place = "objects/" + name;
    record.how = *copied;
    if (auto status = note(record); !status) {
      ::unlinkat(*objects, name.c_str(), 0);
      return status;
    }
    break;
  }
  if (durable_ == sequence) {
    if (auto status = sync_locked(); !status) return status;
  }
  content_kept_.insert(judged.id);
  bytes_ += disk_bytes(*stat);
  ++objects_;
  return {};
}

Room Vault::room_locked(std::uint64_t bytes) const {
  if (bytes > options_.max_file) return Room::TooLarge;
  if (already_ + bytes_ + bytes > options_.max_total) return Room::Full;
  return Room::Enough;
}

Room Vault::room_for(std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  return room_locked(bytes);
}

void Vault::waive(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  waived_.insert(sequence);
}

void Vault::durable(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  durable_ = sequence;
}

bool Vault::holds(const Target& target) {
  const std::lock_guard lock(mutex_);
  const auto found = moved_.find(target.id);
  if (found == moved_.end() || !target.exists()) return false;
  if (found->second.names < target.stat->stx_nlink) return false;  // it has another name outside
  if (target.parent && !target.name.empty() && !is_inside(target.path)) {
    // It has a name outside again: an undo has put it back while the session runs.
    moved_.erase(found);
    return false;
  }
  return true;
}

Status Vault::append(Record& record) {
  const std::lock_guard lock(mutex_);
  if (auto status = ensure_open(); !status) return status;
  return note(record);
}

void Vault::did_not_happen(const Record& record) {
  const std::lock_guard lock(mutex_);
  make_void(record);
}

bool Vault::is_inside(std::string_view path) const {
  for (const auto& store : stores_) {
    const std::string& folder = store.folder();
    if (path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/')) return true;
  }
  return false;
}

std::uint64_t Vault::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void Vault::wake_syncer() {
  if (dirty_) return;
  dirty_ = true;
  if (syncer_.joinable()) {
    wake_.notify_one();
    return;
  }
  syncer_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      wake_.wait(lock, [this] { return dirty_ || stop_; });
      if (stop_) return;
      wake_.wait_for(lock, kSyncEvery, [this] { return stop_; });
      if (stop_) return;
      dirty_ = false;
      const int fd = manifest_->fd();
      lock.unlock();
      ::fdatasync(fd);  // an error here is one that the next append meets as well
      lock.lock();
    }
  });
}

Status Vault::sync_locked() { return manifest_ ? manifest_->sync() : Status{}; }

Status Vault::sync() {
  const std::lock_guard lock(mutex_);
  return sync_locked();
}

Status Vault::close() {
  const std::lock_guard lock(mutex_);
  if (!manifest_) return {};
  Record end;
  end.kind = Kind::End;
  end.size = bytes_;
  end.refers = objects_;
  if (auto status = note(end); !status) return status;
  return sync_locked();
}

}  // namespace assent::undo
