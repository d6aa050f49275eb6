// Objects that go from one folder to another one after the other, as in a tree that was deleted: their lines are
// written at once, before the first of them moves, and a thread moves them while the next ones are got ready. Whatever
// is not as plain as that is taken back by itself, when none is under way.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "base/sys.h"
#include "undo/object.h"
#include "undo/restorer.h"
#include "undo/vault_parts.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMost = 1024;
constexpr std::size_t kMostUnderWay = 3;  // batches
constexpr std::size_t kOneByOne = 8;      // objects of a folder that are looked at by themselves before it is listed

std::string_view folder_part(const std::string& path) { return std::string_view(path).substr(0, path.rfind('/')); }

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

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
  if (!passages_.empty() && passages_.contains(folder_of(record.path))) return false;
  if (!batch_.records.empty() && !goes_with(record)) hand_over_batch();
  if (batch_.records.empty()) {
    if (waits_for_moves(record)) finish_moves();
    batch_.kept_path = folder_of(vault_path(record));
    auto outside = folder(folder_of(record.path));
    auto kept = folder(batch_.kept_path);
    if (!outside || !kept) return false;
    batch_.outside = *outside;
    batch_.kept = *kept;
  }
  if (record.kind == Kind::Removed) {
    if (!vault_has(record)) return false;
  } else {
    auto stat = sys::statx(batch_.outside, name_in(record.path));
    if (!stat || !same_object(sys::id_of(*stat), record.id) || changed_since(*stat)) return false;
  }
  batch_.records.push_back(&record);
  return true;
}

// Nobody but the vault gives names in its folders, and each one there once: so a listing, which costs a fraction of a
// look at each object, says as much as the looks.
bool Restorer::vault_has(const Record& record) {
  const char* name = name_in(record.place);
  if (batch_.records.size() < kOneByOne) {
    if (std::ranges::any_of(batch_.records, [&](const Record* each) { return each->place == record.place; }))
      return false;
    auto stat = sys::statx(batch_.kept, name);
    return stat && same_object(sys::id_of(*stat), record.id);
  }
  const auto find = [this](const char* wanted) {
    const auto at = std::ranges::lower_bound(listed_.entries, std::string_view(wanted), {}, &Entry::name);
    return at != listed_.entries.end() && at->name == wanted ? &*at : nullptr;
  };
  const auto claim = [&find](const Record& each) {
    Entry* entry = find(name_in(each.place));
    if (entry == nullptr || entry->inode != each.id.inode) return false;
    entry->inode = 0;
    return true;
  };
  if (listed_.path != batch_.kept_path) {
    auto entries = entries_of(batch_.kept);
    if (!entries) return false;
    std::ranges::sort(*entries);
    listed_ = {batch_.kept_path, std::move(*entries)};
    for (const Record* each : batch_.records) (void)claim(*each);
  }
  return claim(record);
}

void Restorer::hand_over_batch() {
  if (batch_.records.empty()) return;
  auto moving = std::make_unique<Moving>();
  moving->records = std::exchange(batch_.records, {});
  // As they came into their folder: so each one is found at once where a file system looks through a folder in order.
  std::ranges::reverse(moving->records);
  const std::vector<const Record*>& records = moving->records;
  moving->lines.resize(records.size());
  for (std::size_t i = 0; i < records.size(); ++i)
    moving->lines[i] = records[i]->kind == Kind::Removed ? placed_record(*records[i]) : taken_in_record(*records[i]);
  auto status = note_times_of(folder_of(records.front()->path));
  if (status) status = vault_->append_all(moving->lines);
  if (!status) {
    for (const Record* record : records) failed(record->path, word_for(record->metadata.mode), status.error());
    return;
  }
  // Nothing is ever replaced: what is in the way is looked at afterwards.
  const bool out = records.front()->kind == Kind::Removed;
  Moves& moves = moving->moves;
  moves.from = duplicate(out ? batch_.kept : batch_.outside);
  moves.to = duplicate(out ? batch_.outside : batch_.kept);
  moves.names.reserve(records.size());
  for (const Record* record : records) {
    const char* kept = name_in(record->place);
    const char* outside = name_in(record->path);
    moves.names.push_back(out ? Moves::Name{kept, outside} : Moves::Name{outside, kept, &record->id});
  }
  moving->told = out_.items.size();
  moving_.push_back(std::move(moving));
  mover_.hand_over(moving_.back()->moves);
  if (moving_.size() <= kMostUnderWay) return;
  if (collect_moved()) {
    remove_emptied();
  } else {
    finish_moves();
  }
}

// Of the oldest that is under way. False: some could not move.
bool Restorer::collect_moved() {
  Moving& oldest = *moving_.front();
  mover_.wait_for(oldest.moves);
  std::vector<Item> items;
  items.reserve(oldest.records.size());
  for (std::size_t i = 0; i < oldest.records.size(); ++i) {
    const Record& record = *oldest.records[i];
    if (oldest.moves.names[i].code != 0) {
      vault_->did_not_happen(oldest.lines[i]);
      stayed_.push_back(&record);
      continue;
    }
    items.push_back({record.path, std::string(word_for(record.metadata.mode)), Done::Restored,
                     record.kind == Kind::Removed ? doubt_of(record) : ""});
  }
  // In the order in which they were begun, whatever was done meanwhile.
  out_.restored += items.size();
  out_.items.insert(out_.items.begin() + static_cast<std::ptrdiff_t>(oldest.told),
                    std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
  moving_.pop_front();
  ++collected_;
  for (auto& later : moving_) later->told += items.size();
  return stayed_.empty();
}

void Restorer::finish_moves() {
  hand_over_batch();
  while (!moving_.empty()) (void)collect_moved();
  for (const Record* record : std::exchange(stayed_, {})) take_back(*record);
  remove_emptied();
}

// A folder that an undo has made goes when what was in it has moved: until then others may move out of theirs.
bool Restorer::waits_until_empty(const Record& record) {
  if (record.kind != Kind::Made || dry() || moving_.empty()) return false;
  emptied_.push_back({&record, collected_ + moving_.size()});
  return true;
}

void Restorer::remove_emptied() {
  while (!emptied_.empty() && emptied_.front().after <= collected_) {
    const Record& record = *emptied_.front().record;
    emptied_.pop_front();
    take_back(record);
  }
}

// Whether what is under way could make a difference to `record`, or the other way round.
bool Restorer::waits_for_moves(const Record& record) const {
  const bool in_the_way = std::ranges::any_of(emptied_, [&](const Emptied& each) {
    return below(record.path, each.record->path) || below(each.record->path, record.path);
  });
  if (in_the_way && record.kind != Kind::Parent) return true;
  return std::ranges::any_of(moving_, [&](const auto& moving) {
    const std::string_view folder = folder_part(moving->records.front()->path);
    const std::string_view path = record.path;
    if (record.kind == Kind::Folder && below(folder, path)) return true;
    if (path.size() <= folder.size() || !below(path, folder)) return false;
    // It has, or goes through, a name in that folder.
    const std::string_view name = path.substr(folder.size() + 1, path.find('/', folder.size() + 1) - folder.size() - 1);
    return std::ranges::any_of(moving->records, [&](const Record* each) { return name == name_in(each->path); });
  });
}

// What can be taken back while objects are under way. The rest looks at too much.
bool Restorer::goes_on_meanwhile(const Record& record) const {
  return (record.kind == Kind::Folder || record.kind == Kind::Parent) && !waits_for_moves(record);
}

}  // namespace assent::undo
