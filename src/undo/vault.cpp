#include "undo/vault.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/show.h"
#include "base/start_thread.h"
#include "base/sys.h"
#include "undo/object.h"
#include "undo/vault_parts.h"

namespace assent::undo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr Clock::duration kSyncEvery = std::chrono::milliseconds(50);
constexpr Clock::duration kSyncSeldom = std::chrono::seconds(1);
constexpr int kSyncShare = 10;  // where the disk is slow, a tenth of the time: acts wait for it meanwhile

std::string sentence(const std::string& path, int code) {
  std::string_view why = ::strerrordesc_np(code);
  if (code == EFBIG) why = "it is larger than vault.max_file";
  if (code == EDQUOT) why = "the vault is full (vault.max_total, or the quota)";
  return fmt::format("cannot keep {} in the vault: {} ({}); it was left as it is", show(path), why,
                     ::strerrorname_np(code));
}

// An error here is one that the next append or copy meets as well.
void bring_to_the_disk(const std::vector<UniqueFd>& copies) {
  std::unordered_set<std::uint64_t> done;  // each file system once
  for (const UniqueFd& copy : copies) {
    if (copies.size() <= kSyncedOneByOne) {
      ::fdatasync(copy.get());
      continue;
    }
    auto stat = sys::statx(copy.get(), "");
    if (stat && done.insert(sys::id_of(*stat).device).second) ::syncfs(copy.get());
  }
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
  for (Record& record : pending_) (void)note(record).has_value();
  pending_.clear();
  return {};
}

Status Vault::note(Record& record) {
  if (record.refers == 0 && is_act(record.kind)) record.refers = refers_;
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

Room Vault::room_locked(std::uint64_t bytes) const {
  if (bytes > options_.max_file) return Room::TooLarge;
  if (already_ + bytes_ + bytes > options_.max_total) return Room::Full;
  return Room::Enough;
}

Status Vault::make_sure_of_room(const Record& record, std::uint64_t bytes) {
  switch (room_locked(bytes)) {
    case Room::Enough:
      return {};
    case Room::TooLarge:
      return cannot_keep(record, EFBIG);
    case Room::Full:
      return cannot_keep(record, EDQUOT);
  }
  return cannot_keep(record, EDQUOT);
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
  const auto [first, last] = noted_before_.equal_range(sequence);
  for (auto noted = first; noted != last && happened == Happened::No && manifest_; ++noted) {
    Record never;
    never.kind = Kind::Void;
    never.refers = noted->second;
    (void)manifest_->append(never).has_value();
  }
  noted_before_.erase(first, last);
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

Status Vault::append_all(std::span<Record> records) {
  const std::lock_guard lock(mutex_);
  if (auto status = ensure_open(0); !status) return status;
  if (auto status = manifest_->append_all(records); !status) return status;
  step(Step::Noted);
  return {};
}

void Vault::refer_to(std::uint64_t line) {
  const std::lock_guard lock(mutex_);
  refers_ = line;
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
  auto syncer = start_thread([this] {
    std::unique_lock lock(mutex_);
    Clock::duration pause = kSyncEvery;
    while (!stop_) {
      if (!wake_.wait_for(lock, kSignOfLife, [this] { return dirty_ || stop_; })) {
        if (manifest_) ::futimens(manifest_->fd(), nullptr);
        continue;
      }
      if (stop_) return;
      wake_.wait_for(lock, pause, [this] { return stop_; });
      if (stop_) return;
      dirty_ = false;
      const int fd = manifest_ ? manifest_->fd() : -1;
      const std::vector<UniqueFd> copies = std::move(unsynced_);
      unsynced_.clear();
      lock.unlock();
      const auto begun = Clock::now();
      bring_to_the_disk(copies);
      if (fd >= 0) ::fdatasync(fd);
      pause = std::clamp((Clock::now() - begun) * kSyncShare, kSyncEvery, kSyncSeldom);
      lock.lock();
    }
  });
  if (syncer) {
    syncer_ = std::move(*syncer);
    return;
  }
  dirty_ = false;  // no thread can be had now: it is brought to the disk here
  for (const UniqueFd& copy : std::exchange(unsynced_, {})) ::fdatasync(copy.get());
  (void)sync_locked().has_value();
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
