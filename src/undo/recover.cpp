// What a transaction that was killed left is made whole: its lines are compared with the disk, objects without a line
// get one, and it is ended.
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <unordered_set>

#include "base/sys.h"
#include "undo/catalog.h"
#include "undo/kept_places.h"
#include "undo/object.h"
#include "undo/vault.h"

namespace assent::undo {

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
