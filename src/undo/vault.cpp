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
constexpr std::uint64_t kLongCopy = 8ULL << 20;  // bytes: about a millisecond and more
constexpr std::size_t kMostPendingParents = 65536;
constexpr std::size_t kSyncedOneByOne = 16;  // above, one syncfs costs less than so many fdatasync

bool is_kept_zone(Zone zone) { return zone == Zone::Gated || zone == Zone::Read; }

std::int64_t stamp(const struct statx_timestamp& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

// What an unlink of the same name would have met as well: no failure of the vault.
bool is_the_acts_own(int code) { return code == EACCES || code == EPERM || code == EROFS || code == EBUSY; }

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

// For reading whatever its content is, without a trace where the kernel allows that.
Result<UniqueFd> open_to_copy(int object) {
  const ObjectPath path(object);
  UniqueFd out(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC));
  if (!out) out.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!out) return sys::last_error("open");
  return out;
}

struct CopyMade {
  How how = How::Copied;
  UniqueFd file;
};
Result<CopyMade> make_copy(int from, int folder, const std::string& name) {
  auto to = sys::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!to) return pass(std::move(to));
  auto how = copy_content(from, to->get());
  if (!how) {
    ::unlinkat(folder, name.c_str(), 0);
    return pass(std::move(how));
  }
  return CopyMade{*how, std::move(*to)};
}

std::string sentence(const std::string& path, int code) {
  std::string_view why = ::strerrordesc_np(code);
  if (code == EFBIG) why = "it is larger than vault.max_file";
  if (code == EDQUOT) why = "the vault is full (vault.max_total, or the quota)";
  return fmt::format("cannot keep {} in the vault: {} ({}); it was left as it is", show(path), why,
                     ::strerrorname_np(code));
}

}  // namespace

namespace {
const char* last_name(const std::string& place) { return place.c_str() + place.rfind('/') + 1; }

// Two mounts of one file system differ in nothing but the mount; the agent's mounts map to the host's.
std::uint64_t mount_key(const Directory& directory) {
  return directory.id.device * 0x9E3779B97F4A7C15ULL + directory.mount;
}
}  // namespace

tl::unexpected<Error> Vault::cannot_keep(const Record& record, int code) {
  Error error{code, sentence(record.path, code)};
  unkept_[record.sequence] = error;
  return tl::unexpected<Error>(std::move(error));
}

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

Status Vault::ensure_open(std::uint64_t sequence) {
  if (manifest_) return {};
  auto root = stores_.front().open();
  if (!root) {
    unkept_[sequence] = root.error();
    return pass(std::move(root));
  }
  auto manifest = ManifestWriter::open(*root);
  if (!manifest) {
    unkept_[sequence] = manifest.error();
    return pass(std::move(manifest));
  }
  manifest_.emplace(std::move(*manifest));
  if (auto status = begin(); !status) {
    unkept_[sequence] = status.error();
    manifest_.reset();  // the next one begins anew
    return status;
  }
  return {};
}

Status Vault::begin() {
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
  for (Record& record : pending_parents_) (void)note(record).has_value();  // times only
  pending_parents_.clear();
  return {};
}

Status Vault::note(Record& record) {
  auto order = manifest_->append(record);
  if (!order) {
    if (record.sequence != 0) unkept_[record.sequence] = order.error();
    return pass(std::move(order));
  }
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

// Nothing is refused for the times of a folder, and nothing is written for them alone.
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
  if (manifest_) {
    if (!note(record)) unkept_.erase(sequence);
  } else if (pending_parents_.size() < kMostPendingParents) {
    pending_parents_.push_back(std::move(record));
  }
}

Status Vault::note_rename(const Rename& act, const Target& from, const Target& to, std::uint64_t sequence) {
  if (!from.exists() || !from.parent || !to.parent) return {};
  const bool swap = (act.flags & RENAME_EXCHANGE) != 0;
  if (from.own && (!swap || to.own)) return {};
  if (to.exists() && to.id == from.id) return {};
  if (!is_kept_zone(from.zone) || waived_.contains(sequence)) return {};
  if (auto status = ensure_open(sequence); !status) return status;
  Record record;
  record.kind = swap ? Kind::Swapped : Kind::Renamed;
  record.sequence = sequence;
  record.path = child(from.parent->path, from.name);
  record.other = child(to.parent->path, to.name);
  record.id = from.id;
  if (swap) record.other_id = to.id;
  auto noted = note(record);
  if (noted) noted_before_[sequence] = record.order;
  return noted;
}

Status Vault::note_metadata(const SetMetadata& act, const Target& target, std::uint64_t sequence) {
  if (!target.exists() || target.own || !is_kept_zone(target.zone)) return {};
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
  if (noted) noted_before_[sequence] = record.order;
  return noted;
}

Status Vault::before(const Action& action, std::span<const Target> targets, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto parent_of = [&](std::size_t number) -> Status {
    if (targets.size() > number && targets[number].parent) note_parent(*targets[number].parent, sequence);
    return {};
  };
  // Only what a restore has to know; acts that change nothing on the disk have nothing to note.
  if (std::holds_alternative<Remove>(action) || std::holds_alternative<MakeDirectory>(action) ||
      std::holds_alternative<MakeSymlink>(action) || std::holds_alternative<MakeNode>(action) ||
      std::holds_alternative<Bind>(action)) {
    return parent_of(0);
  }
  if (std::holds_alternative<Link>(action)) return parent_of(1);
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

  switch (room_locked(disk_bytes(*judged.stat))) {
    case Room::Enough:
      break;
    case Room::TooLarge:
      return cannot_keep(record, EFBIG);
    case Room::Full:
      return cannot_keep(record, EDQUOT);
  }
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
      auto objects = stores_.front().objects();
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
      auto file = sys::openat(*objects, last_name(copy->place), O_RDONLY | O_NOFOLLOW);
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

Status Vault::keep_content(int object, const Target& judged, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (!is_kept_zone(judged.zone)) return {};
  if (content_kept_.contains(judged.id)) return {};
  if (waived_.contains(sequence)) {
    written_.insert(judged.id);
    return {};
  }
  Record record;
  record.kind = Kind::Content;
  record.sequence = sequence;
  record.path = judged.path;
  record.id = judged.id;
  auto stat = sys::statx(object, "");
  if (!stat) return cannot_keep(record, stat.error().code);
  if (!S_ISREG(stat->stx_mode)) return {};
  switch (room_locked(disk_bytes(*stat))) {
    case Room::Enough:
      break;
    case Room::TooLarge:
      return cannot_keep(record, EFBIG);
    case Room::Full:
      return cannot_keep(record, EDQUOT);
  }
  if (auto status = ensure_open(sequence); !status) return status;
  record.size = stat->stx_size;
  record.links = stat->stx_nlink;
  auto metadata = read_metadata(object, *stat);
  if (!metadata) return cannot_keep(record, metadata.error().code);
  record.metadata = std::move(*metadata);

  auto copy = take_prepared(*stat);
  if (!copy) {
    auto from = open_to_copy(object);
    if (!from) return cannot_keep(record, from.error().code);
    auto made = copy_to_store(from->get(), *stat);
    if (!made) return cannot_keep(record, made.error().code);
    copy = std::move(*made);
  }
  step(Step::Copied);
  record.store = copy->store;
  record.place = copy->place;
  record.how = copy->how;
  auto noted = note(record);
  if (noted && durable_.contains(sequence)) {
    for (const UniqueFd& file : unsynced_) {
      if (::fdatasync(file.get()) != 0 && noted) noted = sys::last_error("fdatasync");
    }
    if (noted) noted = sync_locked();
    if (!noted) make_void(record);
  }
  if (!noted) {
    if (auto objects = stores_[copy->store].objects()) ::unlinkat(*objects, last_name(copy->place), 0);
    unkept_.try_emplace(sequence, noted.error());
    return noted;
  }
  content_kept_.insert(judged.id);
  written_.insert(judged.id);
  bytes_ += disk_bytes(*stat);
  ++objects_;
  return {};
}

// Blocks can be shared within one file system only, so a store of the same device comes first.
unsigned Vault::store_for_copy(std::uint64_t device) {
  for (unsigned number = static_cast<unsigned>(stores_.size()); number-- > 1;) {
    if (stores_[number].open() && stores_[number].device() == device) return number;
  }
  return 0;
}

Result<Vault::Copy> Vault::copy_to_store(int from, const struct statx& stat) {
  Copy out;
  out.store = store_for_copy(sys::id_of(stat).device);
  auto objects = stores_[out.store].objects();
  if (!objects) return pass(std::move(objects));
  const std::string name = std::to_string(next_object_++);
  auto made = make_copy(from, *objects, name);
  if (!made) return pass(std::move(made));
  unsynced_.push_back(std::move(made->file));
  out.place = "objects/" + name;
  out.how = made->how;
  return out;
}

bool Vault::takes_long(const Target& target, Loss loss) {
  if (!target.exists() || target.own || !S_ISREG(target.stat->stx_mode) || !is_kept_zone(target.zone)) return false;
  const std::uint64_t bytes = disk_bytes(*target.stat);
  if (bytes <= kLongCopy) return false;
  const std::lock_guard lock(mutex_);
  if (room_locked(bytes) != Room::Enough || prepared_.contains(target.id)) return false;
  if (loss == Loss::Content) return !content_kept_.contains(target.id);
  if (!target.parent) return false;
  if (const auto known = store_of_.find(mount_key(*target.parent)); known != store_of_.end()) return known->second < 0;
  for (const Store& store : stores_) {
    auto stat = sys::statx(AT_FDCWD, store.folder().c_str());
    if (stat && sys::id_of(*stat).device == target.id.device) return false;
  }
  return true;
}

Status Vault::prepare(int object, const Target& target) {
  auto from = open_to_copy(object);
  if (!from) return pass(std::move(from));
  auto stat = sys::statx(from->get(), "");
  if (!stat) return pass(std::move(stat));
  if (!(sys::id_of(*stat) == target.id)) return fail(ESTALE, "it is another object by now");
  Prepared out;
  UniqueFd folder;
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (auto status = ensure_open(0); !status) return status;
    out.store = store_for_copy(target.id.device);
    auto objects = stores_[out.store].objects();
    if (!objects) return pass(std::move(objects));
    folder.reset(::fcntl(*objects, F_DUPFD_CLOEXEC, 0));
    name = std::to_string(next_object_++);
  }
  if (!folder) return sys::last_error("fcntl");
  auto made = make_copy(from->get(), folder.get(), name);  // the long part, with nobody waiting for the lock
  if (!made) return pass(std::move(made));
  (void)::fdatasync(made->file.get());
  auto after = sys::statx(from->get(), "");
  const std::lock_guard lock(mutex_);
  if (!after || stamp(after->stx_mtime) != stamp(stat->stx_mtime) || after->stx_size != stat->stx_size) {
    ::unlinkat(folder.get(), name.c_str(), 0);
    return fail(EAGAIN, "it changed while it was copied");
  }
  out.place = "objects/" + name;
  out.how = made->how;
  out.stat = *after;
  if (!prepared_.emplace(target.id, std::move(out)).second) ::unlinkat(folder.get(), name.c_str(), 0);
  return {};
}

// The change time is no sign: the staging name has moved it.
std::optional<Vault::Copy> Vault::take_prepared(const struct statx& now) {
  const auto found = prepared_.find(sys::id_of(now));
  if (found == prepared_.end()) return std::nullopt;
  const Prepared prepared = std::move(found->second);
  prepared_.erase(found);
  if (stamp(prepared.stat.stx_mtime) == stamp(now.stx_mtime) && prepared.stat.stx_size == now.stx_size)
    return Copy{prepared.store, prepared.place, prepared.how};
  if (auto objects = stores_[prepared.store].objects()) ::unlinkat(*objects, last_name(prepared.place), 0);
  return std::nullopt;
}

void Vault::drop_prepared() {
  for (const auto& [id, prepared] : prepared_) {
    if (auto objects = stores_[prepared.store].objects()) ::unlinkat(*objects, last_name(prepared.place), 0);
  }
  prepared_.clear();
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

Room Vault::room_for(const Target& target, Loss loss) const {
  if (!target.exists() || target.own || !S_ISREG(target.stat->stx_mode)) return Room::Enough;
  const std::lock_guard lock(mutex_);
  if (loss == Loss::Content && content_kept_.contains(target.id)) return Room::Enough;
  return room_locked(disk_bytes(*target.stat));
}

std::optional<Error> Vault::settle(std::uint64_t sequence, Happened happened) {
  const std::lock_guard lock(mutex_);
  if (const auto noted = noted_before_.find(sequence); noted != noted_before_.end()) {
    if (happened == Happened::No && manifest_) {
      Record never;
      never.kind = Kind::Void;
      never.refers = noted->second;
      (void)manifest_->append(never).has_value();
    }
    noted_before_.erase(noted);
  }
  if (!waived_.empty()) waived_.erase(sequence);
  if (!durable_.empty()) durable_.erase(sequence);
  if (unkept_.empty()) return std::nullopt;
  const auto found = unkept_.find(sequence);
  if (found == unkept_.end()) return std::nullopt;
  Error out = std::move(found->second);
  unkept_.erase(found);
  return out;
}

void Vault::open_for_writing(const FileId& id) {
  const std::lock_guard lock(mutex_);
  written_.insert(id);
}

void Vault::waive(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  waived_.insert(sequence);
}

void Vault::durable(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  durable_.insert(sequence);
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
  if (auto status = ensure_open(record.sequence); !status) return status;
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
      const int fd = manifest_ ? manifest_->fd() : -1;
      const std::vector<UniqueFd> copies = std::move(unsynced_);
      unsynced_.clear();
      lock.unlock();
      // An error here is one that the next append or copy meets as well.
      if (copies.size() > kSyncedOneByOne) {
        ::syncfs(copies.front().get());
      } else {
        for (const UniqueFd& copy : copies) ::fdatasync(copy.get());
      }
      if (fd >= 0) ::fdatasync(fd);
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
  drop_prepared();
  Record end;
  end.kind = Kind::End;
  end.size = bytes_;
  end.refers = objects_;
  if (auto status = note(end); !status) return status;
  return sync_locked();
}

}  // namespace assent::undo
