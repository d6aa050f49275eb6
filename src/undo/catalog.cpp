#include "undo/catalog.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/show.h"
#include "base/sys.h"
#include "undo/kept_places.h"
#include "undo/object.h"
#include "undo/vault.h"

namespace assent::undo {

namespace {

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

}  // namespace assent::undo
