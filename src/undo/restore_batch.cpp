// Objects that go from one folder to another one after the other, as in a tree that was deleted: their lines are
// written at once, before the first of them moves. Whatever is not as plain as that is taken back by itself.
#include <fcntl.h>
#include <sys/stat.h>

#include <string_view>

#include "base/sys.h"
#include "undo/object.h"
#include "undo/restorer.h"
#include "undo/vault_parts.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMost = 1024;

std::string_view folder_part(const std::string& path) { return std::string_view(path).substr(0, path.rfind('/')); }

}  // namespace

bool Restorer::goes_with(const Record& record) const {
  const Record& first = *batch_.records.front();
  return batch_.records.size() < kMost && record.kind == first.kind && record.store == first.store &&
         folder_part(record.path) == folder_part(first.path) && folder_part(record.place) == folder_part(first.place) &&
         record.other == first.other;
}

// Killed in the middle: the lines of those that have not moved yet stand for nothing, as after a single one.
bool Restorer::joins_batch(const Record& record) {
  if (dry() || record.how != How::Moved) return false;
  if (record.kind != Kind::Removed && record.kind != Kind::Placed) return false;
  if (!batch_.records.empty() && !goes_with(record)) move_batch();
  if (batch_.records.empty()) {
    auto outside = folder(folder_of(record.path));
    auto kept = folder(folder_of(vault_path(record)));
    if (!outside || !kept) return false;
    batch_.outside = *outside;
    batch_.kept = *kept;
  }
  const bool out = record.kind == Kind::Removed;
  auto stat = out ? sys::statx(batch_.kept, name_in(record.place)) : sys::statx(batch_.outside, name_in(record.path));
  if (!stat || !same_object(sys::id_of(*stat), record.id)) return false;
  if (!out && changed_since(*stat)) return false;
  batch_.records.push_back(&record);
  return true;
}

void Restorer::move_batch() {
  if (batch_.records.empty()) return;
  const std::vector<const Record*> records = std::exchange(batch_.records, {});
  std::vector<Record> lines;
  lines.reserve(records.size());
  for (const Record* record : records)
    lines.push_back(record->kind == Kind::Removed ? placed_record(*record) : taken_in_record(*record));
  auto status = note_times_of(folder_of(records.front()->path));
  if (status) status = vault_->append_all(lines);
  if (!status) {
    for (const Record* record : records) failed(record->path, word_for(record->metadata.mode), status.error());
    return;
  }
  std::vector<const Record*> stayed;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = *records[i];
    const bool out = record.kind == Kind::Removed;
    const char* kept = name_in(record.place);
    const char* outside = name_in(record.path);
    // Nothing is ever replaced: what is in the way is looked at afterwards.
    const int code = out ? rename_noreplace(batch_.kept, kept, batch_.outside, outside)
                         : rename_exactly(record.id, batch_.outside, outside, batch_.kept, kept);
    if (code != 0) {
      vault_->did_not_happen(lines[i]);
      stayed.push_back(&record);
      continue;
    }
    step();
    tell(record.path, word_for(record.metadata.mode), Done::Restored, out ? doubt_of(record) : "");
  }
  for (const Record* record : stayed) take_back(*record);
}

}  // namespace assent::undo
