// Vault: content that is about to be changed, copied or shared first; long copies ahead of their act.
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

constexpr std::uint64_t kLongCopy = 8ULL << 20;  // bytes: about a millisecond and more

std::int64_t stamp(const struct statx_timestamp& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

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

// The judged file for reading, by the name it was judged under: a third of the cost of the way over its descriptor.
// Nothing where that is not (any more) the judged file, or cannot be read just so.
struct Source {
  UniqueFd fd;
  struct statx stat {};
};
std::optional<Source> by_name(const Target& judged) {
  if (!judged.parent || !judged.parent->host || judged.name.empty()) return std::nullopt;
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_NOFOLLOW | O_CLOEXEC;
  auto fd = sys::openat(judged.parent->host.get(), judged.name.c_str(), kFlags);
  auto stat = fd ? sys::statx(fd->get(), "") : Result<struct statx>(pass(std::move(fd)));
  if (!stat || !(sys::id_of(*stat) == judged.id)) return std::nullopt;
  return Source{std::move(*fd), *stat};
}

}  // namespace

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
  auto source = by_name(judged);
  auto stat = source ? Result<struct statx>(source->stat) : sys::statx(object, "");
  if (!stat) return cannot_keep(record, stat.error().code);
  if (!S_ISREG(stat->stx_mode)) return {};
  if (auto room = make_sure_of_room(record, disk_bytes(*stat)); !room) return room;
  if (auto status = ensure_open(sequence); !status) return status;
  record.size = stat->stx_size;
  record.links = stat->stx_nlink;
  auto metadata = read_metadata(object, *stat);
  if (!metadata) return cannot_keep(record, metadata.error().code);
  record.metadata = std::move(*metadata);

  auto copy = take_prepared(*stat);
  if (!copy) {
    auto from = source ? Result<UniqueFd>(std::move(source->fd)) : open_to_read(object, *stat);
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
    if (auto objects = stores_[copy->store].objects()) ::unlinkat(*objects, name_in(copy->place), 0);
    unkept_.try_emplace(sequence, noted.error());
    return noted;
  }
  content_kept_.insert(judged.id);
  written_.insert(judged.id);
  bytes_ += disk_bytes(*stat);
  ++objects_;
  return {};
}

// Blocks can be shared within one file system only, so a store of the same device comes first, then one that shares
// them all the same: each subvolume of btrfs has a device number of its own.
unsigned Vault::store_for_copy(int from, std::uint64_t device) {
  const auto [known, fresh] = copies_of_.try_emplace(device, 0);
  if (!fresh) return known->second;
  for (unsigned number = 0; number < stores_.size(); ++number) {
    if (stores_[number].open() && stores_[number].device() == device) return known->second = number;
  }
  for (unsigned number = 0; number < stores_.size(); ++number) {
    auto objects = stores_[number].objects();
    if (objects && shares_blocks(from, *objects)) return known->second = number;
  }
  return 0;
}

Result<Vault::Copy> Vault::copy_to_store(int from, const struct statx& stat) {
  Copy out;
  out.store = store_for_copy(from, sys::id_of(stat).device);
  auto objects = stores_[out.store].objects();
  if (!objects) return pass(std::move(objects));
  const std::string name = std::to_string(next_object_++);
  auto made = make_copy(from, *objects, name);
  if (!made) return pass(std::move(made));
  // Of many, one is enough to sync their file system by; and a store lies on one.
  if (unsynced_.size() > kSyncedOneByOne && unsynced_store_ == out.store) {
    unsynced_.back() = std::move(made->file);
  } else {
    unsynced_.push_back(std::move(made->file));
  }
  unsynced_store_ = out.store;
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
  auto stat = sys::statx(object, "");
  if (!stat) return pass(std::move(stat));
  auto from = open_to_read(object, *stat);
  if (!from) return pass(std::move(from));
  if (!(sys::id_of(*stat) == target.id)) return fail(ESTALE, "it is another object by now");
  Prepared out;
  UniqueFd folder;
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (auto status = ensure_open(0); !status) return status;
    out.store = store_for_copy(from->get(), target.id.device);
    auto objects = stores_[out.store].objects();
    if (!objects) return pass(std::move(objects));
    folder.reset(::fcntl(*objects, F_DUPFD_CLOEXEC, 0));
    name = std::to_string(next_object_++);
  }
  if (!folder) return sys::last_error("fcntl");
  auto made = make_copy(from->get(), folder.get(), name);  // the long part, with nobody waiting for the lock
  if (!made) return pass(std::move(made));
  const bool on_disk = ::fdatasync(made->file.get()) == 0;
  auto after = sys::statx(from->get(), "");
  const std::lock_guard lock(mutex_);
  if (!on_disk || !after || stamp(after->stx_mtime) != stamp(stat->stx_mtime) || after->stx_size != stat->stx_size) {
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
  if (auto objects = stores_[prepared.store].objects()) ::unlinkat(*objects, name_in(prepared.place), 0);
  return std::nullopt;
}

void Vault::drop_prepared() {
  for (const auto& [id, prepared] : prepared_) {
    if (auto objects = stores_[prepared.store].objects()) ::unlinkat(*objects, name_in(prepared.place), 0);
  }
  prepared_.clear();
}

}  // namespace assent::undo
