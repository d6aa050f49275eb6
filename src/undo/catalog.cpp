#include "undo/catalog.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <unordered_set>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"
#include "undo/vault.h"

namespace assent::undo {

namespace {

bool good_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos;
}

Result<Manifest> manifest_of(const std::string& state_vault, const std::string& transaction) {
  if (!good_name(transaction))
    return fail(EINVAL, fmt::format("'{}' is no transaction of the vault", show(transaction)));
  auto folder = sys::openat(AT_FDCWD, (state_vault + "/" + transaction).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    if (folder.error().code == ENOENT)
      return fail(ENOENT, fmt::format("the vault keeps nothing of {} (ENOENT)", show(transaction)));
    return pass(std::move(folder));
  }
  return read_manifest(folder->get());
}

// Where a record's object lies.
class Places {
 public:
  Places(std::string state_vault, std::string transaction, const Manifest& manifest)
      : state_vault_(std::move(state_vault)), transaction_(std::move(transaction)) {
    stores_[0] = state_vault_;
    for (const Record& record : manifest.records) {
      if (record.kind == Kind::Store) stores_[record.store] = record.path;
    }
  }
  [[nodiscard]] std::string of(const Record& record) const {
    const auto store = stores_.find(record.store);
    const std::string& transaction =
        record.kind == Kind::Removed && !record.other.empty() ? record.other : transaction_;
    return fmt::format("{}/{}/{}", store == stores_.end() ? state_vault_ : store->second, transaction, record.place);
  }
  [[nodiscard]] const std::map<unsigned, std::string>& stores() const { return stores_; }
  // Of a store among folders().
  [[nodiscard]] std::size_t number(unsigned store) const {
    const auto at = stores_.find(store);
    return at == stores_.end() ? 0 : static_cast<std::size_t>(std::distance(stores_.begin(), at));
  }
  [[nodiscard]] std::vector<std::string> folders() const {
    std::vector<std::string> out;
    for (const auto& [number, path] : stores_) {
      if (good_name(transaction_)) out.push_back(path + "/" + transaction_);
    }
    return out;
  }

 private:
  std::string state_vault_;
  std::string transaction_;
  std::map<unsigned, std::string> stores_;
};

bool holds_object(const Record& record) {
  return (record.kind == Kind::Removed || record.kind == Kind::Content) && record.other.empty();
}

// The object of a record as it lies in the vault now; opened folder by folder, for names of any length.
Result<UniqueFd> open_kept(const std::string& path) {
  auto place = open_place(path);
  if (!place) return pass(std::move(place));
  return sys::openat(place->folder.get(), place->name.c_str(), O_PATH | O_NOFOLLOW);
}

bool is_in_vault(const Places& places, const Record& record) {
  auto object = open_kept(places.of(record));
  if (!object) return false;
  auto stat = sys::statx(object->get(), "");
  return stat &&
         (record.how != How::Moved || record.kind != Kind::Removed || same_object(sys::id_of(*stat), record.id));
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
  if (!directory) return out;
  while (const dirent* entry = ::readdir(directory.get())) out.emplace_back(entry->d_name);
  std::sort(out.begin(), out.end());
  return out;
}

Kept described(const std::string& state_vault, const std::string& transaction, const Manifest& manifest) {
  Kept out;
  out.transaction = transaction;
  out.damaged = manifest.damaged;
  const Places places(state_vault, transaction, manifest);
  out.folders = places.folders();
  out.bytes_in.resize(std::max<std::size_t>(out.folders.size(), 1));
  for (const Record& record : manifest.records) {
    if (record.kind == Kind::Begin) {
      out.about = record.path;
      out.began = record.time;
    }
    if (record.kind == Kind::End) out.ended = record.time;
    if (!holds_object(record) || !is_in_vault(places, record)) continue;
    ++out.objects;
    out.bytes += record.size;
    out.bytes_in[std::min<std::size_t>(places.number(record.store), out.bytes_in.size() - 1)] += record.size;
  }
  return out;
}

}  // namespace

Result<Kept> describe(const std::string& state_vault, const std::string& transaction) {
  auto manifest = manifest_of(state_vault, transaction);
  if (!manifest) return pass(std::move(manifest));
  return described(state_vault, transaction, *manifest);
}

std::vector<std::string> transactions_about(const std::string& state_vault, const std::string& transaction) {
  start_checksums();
  struct Restore {
    std::int64_t time = 0;
    std::string name;
    std::string about;
  };
  std::vector<Restore> all;
  for (const auto& name : names_in(state_vault)) {
    if (!name.starts_with("undo-") && !name.starts_with("redo-")) continue;
    auto file =
        sys::openat(AT_FDCWD, fmt::format("{}/{}/{}", state_vault, name, kManifestName).c_str(), O_RDONLY | O_NOFOLLOW);
    char head[1024];
    const ssize_t n = file ? ::pread(file->get(), head, sizeof head, 0) : 0;
    const std::string_view text(head, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    const auto begin = decode(text.substr(0, text.find('\n')));
    if (begin && begin->kind == Kind::Begin) all.push_back({begin->time, name, begin->path});
  }
  std::ranges::sort(all, {}, &Restore::time);
  std::vector<std::string> out;
  for (const auto& each : all) {  // one of a restore comes after it
    if (each.about == transaction || std::ranges::find(out, each.about) != out.end()) out.push_back(each.name);
  }
  return out;
}

Result<std::vector<Kept>> list(const std::string& state_vault) {
  std::vector<Kept> out;
  for (const auto& name : names_in(state_vault)) {
    if (!good_name(name)) continue;
    auto manifest = manifest_of(state_vault, name);
    if (manifest) {
      out.push_back(described(state_vault, name, *manifest));
      continue;
    }
    if (manifest.error().code == ENOTDIR) continue;
    Kept unreadable;
    unreadable.transaction = name;
    unreadable.damaged = 1;
    unreadable.folders.push_back(state_vault + "/" + name);
    out.push_back(std::move(unreadable));
  }
  std::ranges::stable_sort(out, {}, &Kept::began);
  return out;
}

Result<std::vector<KeptObject>> objects(const std::string& state_vault, const std::string& transaction) {
  auto manifest = manifest_of(state_vault, transaction);
  if (!manifest) return pass(std::move(manifest));
  const Places places(state_vault, transaction, *manifest);
  std::vector<KeptObject> out;
  for (const Record& record : manifest->records) {
    const bool listed = holds_object(record) || record.kind == Kind::Folder || record.kind == Kind::Changed ||
                        record.kind == Kind::Renamed;
    if (!listed) continue;
    KeptObject object;
    object.path = record.path;
    object.kind = record.kind;
    object.sequence = record.sequence;
    object.size = record.size;
    object.how = record.how;
    object.written = record.written;
    object.in_vault = holds_object(record) && is_in_vault(places, record);
    out.push_back(std::move(object));
  }
  return out;
}

std::optional<Record> end_of(const std::string& state_vault, const std::string& transaction) {
  start_checksums();
  auto file =
      sys::openat(AT_FDCWD, (state_vault + "/" + transaction + "/" + kManifestName).c_str(), O_RDONLY | O_NOFOLLOW);
  if (!file) return std::nullopt;
  char tail[512];
  const off_t size = ::lseek(file->get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(sizeof tail));
  const ssize_t n = ::pread(file->get(), tail, sizeof tail, from);
  if (n <= 0) return std::nullopt;
  std::string_view text(tail, static_cast<std::size_t>(n));
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto last = text.rfind('\n');
  auto record = decode(last == std::string_view::npos ? text : text.substr(last + 1));
  return record && record->kind == Kind::End ? record : std::nullopt;
}

std::uint64_t bytes_kept(const std::string& state_vault) {
  start_checksums();
  std::uint64_t out = 0;
  for (const auto& name : names_in(state_vault)) {
    if (!good_name(name)) continue;
    if (const auto end = end_of(state_vault, name)) {
      out += end->size;
    } else if (auto manifest = manifest_of(state_vault, name)) {
      for (const Record& each : manifest->records) out += holds_object(each) ? each.size : 0;
    }
  }
  return out;
}

namespace {

std::int64_t last_time(const std::string& state_vault, const std::string& name, const std::optional<Record>& end) {
  if (end) return end->time;
  // Was killed, or runs: the folder's own time will do.
  auto stat = sys::statx(AT_FDCWD, (state_vault + "/" + name + "/" + kManifestName).c_str());
  return stat ? metadata_of(*stat).mtime : 0;
}

}  // namespace

std::int64_t newest_end(const std::string& state_vault) {
  start_checksums();
  std::int64_t out = 0;
  for (const auto& name : names_in(state_vault)) {
    if (good_name(name)) out = std::max(out, last_time(state_vault, name, end_of(state_vault, name)));
  }
  return out;
}

bool prune_due(const PruneOptions& options) {
  start_checksums();
  std::uint64_t bytes = 0;
  bool any_old_enough = false;
  for (const auto& name : names_in(options.state_vault)) {
    if (!good_name(name)) continue;
    const auto end = end_of(options.state_vault, name);
    const std::int64_t last = last_time(options.state_vault, name, end);
    if (last == 0) continue;
    if (end) bytes += end->size;
    const auto age = age_of(last, options.now_ns, options.jumps);
    if (age < options.minimum_age) continue;
    any_old_enough = true;
    if (age > options.retention) return true;
  }
  return any_old_enough && bytes > options.max_total;
}

Result<Pruned> prune(const PruneOptions& options) {
  auto all = list(options.state_vault);
  if (!all) return pass(std::move(all));
  Pruned out;
  for (const Kept& kept : *all) out.left += kept.bytes;
  for (Kept& kept : *all) {  // oldest first
    const std::int64_t last = std::max(kept.began, kept.ended);
    const auto age = age_of(last, options.now_ns, options.jumps);
    const bool old = age > options.retention;
    const bool too_much = out.left > options.max_total;
    if ((!old && !too_much) || age < options.minimum_age || last == 0) continue;
    if (options.is_running && options.is_running(kept.transaction)) continue;
    bool whole = true;
    // The folder with the manifest goes last: until then the rest can be found again.
    for (auto folder = kept.folders.rbegin(); !options.dry_run && folder != kept.folders.rend(); ++folder) {
      std::error_code error;
      std::filesystem::remove_all(*folder, error);
      if (!error) continue;
      whole = false;
      out.failed.push_back(Error{error.value(), fmt::format("cannot remove {}: {}", show(*folder), error.message())});
    }
    if (!whole) continue;
    out.bytes += kept.bytes;
    out.left -= kept.bytes;
    out.removed.push_back(std::move(kept));
  }
  return out;
}

namespace {

// Objects in a mirrored tree that no line tells of: their place is their path.
class Unlisted {
 public:
  Unlisted(const Manifest& manifest, const Places& places) {
    for (const Record& record : manifest.records) {
      if (record.kind == Kind::Removed) known_.insert(places.of(record));
    }
  }

  void look(unsigned number, const std::string& root, const std::string& layer, std::vector<Record>& found) const {
    std::error_code error;
    const std::string top = root + "/" + layer;
    for (std::filesystem::recursive_directory_iterator at(top, error), end; !error && at != end; at.increment(error)) {
      if (at->is_directory(error) && !at->is_symlink(error)) continue;
      const std::string path = at->path().string();
      if (known_.contains(path)) continue;
      auto stat = sys::statx(AT_FDCWD, path.c_str());
      if (!stat) continue;
      Record record;
      record.kind = Kind::Removed;
      record.path = path.substr(top.size());
      record.id = sys::id_of(*stat);
      record.metadata = metadata_of(*stat);
      record.size = stat->stx_size;
      record.links = stat->stx_nlink;
      record.store = number;
      record.place = layer + record.path;
      record.how = How::Moved;
      found.push_back(std::move(record));
    }
  }

 private:
  std::unordered_set<std::string> known_;
};

}  // namespace

namespace {

// Until when a transaction that was killed can have lived. What changed later is somebody else's.
std::int64_t killed_until(int folder, const Manifest& manifest) {
  auto stat = sys::statx(folder, kManifestName);
  std::int64_t last = stat ? metadata_of(*stat).mtime : 0;
  for (const Record& record : manifest.records) last = std::max(last, record.time);
  constexpr std::chrono::nanoseconds kLate = kSignOfLife + std::chrono::seconds(5);  // on a busy machine
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t until = last + kLate.count();
  const std::int64_t here = now.tv_sec * 1'000'000'000LL + now.tv_nsec;
  return stat ? std::min(until, here) : here;
}

}  // namespace

Result<Recovered> recover(const std::string& state_vault, const std::string& transaction) {
  auto manifest = manifest_of(state_vault, transaction);
  // One that is lost is made anew from the mirrored tree; where each object was is its path in there.
  const bool lost = !manifest && manifest.error().code == ENOENT && good_name(transaction) &&
                    sys::statx(AT_FDCWD, (state_vault + "/" + transaction).c_str());
  if (lost) manifest = Manifest{};
  if (!manifest) return pass(std::move(manifest));
  Recovered out;
  out.damaged = manifest->damaged;
  const Places places(state_vault, transaction, *manifest);
  out.was_open = std::ranges::none_of(manifest->records, [](const Record& record) { return record.kind == Kind::End; });
  for (const Record& record : manifest->records) {
    if (!holds_object(record)) continue;
    if (is_in_vault(places, record)) {
      ++out.in_vault;
      continue;
    }
    auto there = open_place(record.path);
    auto stat = there ? sys::statx(there->folder.get(), there->name.c_str()) : Result<struct statx>(fail(ENOENT));
    if (stat && same_object(sys::id_of(*stat), record.id)) {
      ++out.in_place;
    } else {
      out.missing.push_back(record.path);
    }
  }
  std::vector<Record> found;
  const Unlisted unlisted(*manifest, places);
  for (const auto& [number, store] : places.stores()) {
    const std::string root = store + "/" + transaction;
    for (const auto& layer : names_in(root)) {
      if (layer.size() > 1 && layer[0] == 'L') unlisted.look(number, root, layer, found);
    }
  }
  out.unlisted = found.size();
  out.in_vault += found.size();
  if (found.empty() && !out.was_open) return out;

  auto folder = sys::openat(AT_FDCWD, (state_vault + "/" + transaction).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) return pass(std::move(folder));
  const std::int64_t until = killed_until(folder->get(), *manifest);
  auto writer = ManifestWriter::open(folder->get());
  if (!writer) return pass(std::move(writer));
  if (lost) {
    Record begin;
    begin.kind = Kind::Begin;
    if (auto order = writer->append(begin); !order) return pass(std::move(order));
  }
  for (Record& record : found) {
    if (auto order = writer->append(record); !order) return pass(std::move(order));
  }
  if (out.was_open) {
    Record end;
    end.kind = Kind::End;
    end.until = until;
    for (const Record& record : manifest->records) end.size += holds_object(record) ? record.size : 0;
    if (auto order = writer->append(end); !order) return pass(std::move(order));
  }
  if (auto status = writer->sync(); !status) return pass(std::move(status));
  return out;
}

}  // namespace assent::undo
