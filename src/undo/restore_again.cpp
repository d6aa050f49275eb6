// What earlier restores of the same transaction did: it is not done again, and one that was killed is brought to its
// end. A line counts as taken back where a restore has a line about it that no restore of that restore (a redo) took
// back in turn.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "base/sys.h"
#include "undo/catalog.h"
#include "undo/object.h"
#include "undo/restorer.h"

namespace assent::undo {

namespace {

constexpr std::chrono::nanoseconds kLate =
    std::chrono::seconds(1);  // after its last line, what was killed may have acted

struct Earlier {
  std::string name;
  std::string about;
  Manifest manifest;
  bool killed = false;
};

std::vector<Earlier> read_earlier(const std::string& state_vault, const std::string& transaction) {
  std::vector<Earlier> out;
  for (auto& name : transactions_about(state_vault, transaction)) {
    const std::string path = state_vault + "/" + name;
    auto folder = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    auto manifest = folder ? read_manifest(folder->get()) : Result<Manifest>(fail(ENOENT));
    if (!manifest || manifest->records.empty()) continue;
    Earlier earlier{std::move(name), manifest->records.front().path, std::move(*manifest)};
    // An end that says until when was written by somebody else, later.
    earlier.killed = std::ranges::none_of(earlier.manifest.records,
                                          [](const Record& each) { return each.kind == Kind::End && each.until == 0; });
    out.push_back(std::move(earlier));
  }
  return out;
}

using Lines = std::unordered_set<std::uint64_t>;

enum class Sure { Yes, No };

// The lines of `transaction` that these restores took back for sure, or that one of them may have touched. What a redo
// may have touched was not taken back for sure.
Lines taken_back(const std::vector<Earlier>& all, const std::string& transaction, Sure sure) {
  Lines out;
  for (const Earlier& each : all) {
    if (each.about != transaction) continue;
    const Lines undone = taken_back(all, each.name, sure == Sure::Yes ? Sure::No : Sure::Yes);
    Lines done, not_done;
    std::uint64_t last = 0;
    for (const Record& record : each.manifest.records) {
      if (!is_act(record.kind) || record.refers == 0) continue;
      const bool whole = record.kind != Kind::Failed || sure == Sure::No;
      (whole && !undone.contains(record.order) ? done : not_done).insert(record.refers);
      last = record.refers;
    }
    if (each.killed) not_done.insert(last);  // its lines come before what they tell of
    for (const std::uint64_t line : done) {
      if (sure == Sure::No || !not_done.contains(line)) out.insert(line);
    }
  }
  return out;
}

}  // namespace

void Restorer::learn_from_earlier_ones() {
  const auto all = read_earlier(options_.state_vault, options_.transaction);
  for (const Earlier& earlier : all) {
    if (!earlier.killed) begun_.clear();  // it has brought them to their end
    killed_ = earlier.killed;
    if (killed_) ours_until_ = std::ranges::max(earlier.manifest.records, {}, &Record::time).time + kLate.count();
    for (const Record& each : earlier.manifest.records) {
      // What it made anew stands for what was there before.
      const bool made = each.kind == Kind::Made || each.kind == Kind::Placed;
      if (made && each.other_id.inode != 0) remade_[each.other_id] = each.id;
      if (made && (is_agents(each.other_id) || anew_.contains(each.other_id))) anew_.insert(each.id);
      // What it has left half written is no change of a human's.
      if (earlier.killed && each.kind == Kind::Content) begun_.insert(each.id);
    }
  }
  // Where a line cannot be read, nobody knows what was done.
  if (std::ranges::any_of(all, [](const Earlier& each) { return each.manifest.damaged > 0; })) return;
  done_ = taken_back(all, options_.transaction, Sure::Yes);
  // What lies in the vault did not come back, whatever was written: of objects that go together all the lines come
  // first, and what says that a redo took them back in may be lost.
  for (const Record& record : manifest_.records) {
    if (done_.contains(record.order) && !has_gone(record)) done_.erase(record.order);
  }
  if (!done_.empty()) killed_at_ = *std::ranges::min_element(done_);
}

bool Restorer::has_gone(const Record& record) {
  if (record.how != How::Moved || (record.kind != Kind::Removed && record.kind != Kind::Placed)) return true;
  return in_vault(record).has_value() == (record.kind == Kind::Placed);
}

void Restorer::pass_over(const Record& record) {
  switch (record.kind) {
    case Kind::Begin:
    case Kind::Store:
    case Kind::Void:
    case Kind::End:
    case Kind::Hashed:
    case Kind::Already:
    case Kind::Failed:
    case Kind::Linked:
      return;
    case Kind::Removed:
    case Kind::Placed:
      return tell(record.path, word_for(record.metadata.mode), Done::Already);
    case Kind::Content:
      return tell(record.path, "content", Done::Already);
    case Kind::Made:
      return tell(record.path, "folder", Done::Already);
    case Kind::Folder:
    case Kind::Changed:
      will_have(record, Touch::Everything);
      return tell(record.path, record.kind == Kind::Folder ? "folder" : "metadata", Done::Already);
    case Kind::Parent:
      return will_have(record, Touch::Times);
    case Kind::Renamed:
      moved(record, Ways::One);
      return tell_name(record, Done::Already);
    case Kind::Swapped:
      moved(record, Ways::Both);
      return tell_name(record, Done::Already);
  }
}

// Of folders, what a restore gives them at its end.
void Restorer::will_have(const Record& record, Touch touch) {
  if (!S_ISDIR(record.metadata.mode)) return;
  const FileId id = now_known_as(record.id);
  if (record.kind == Kind::Folder && is_only_passed_through(record)) {
    if (killed_) passed_through_[record.path] = id;
    return;
  }
  LastTouch& known = last_touches_[record.path];
  if (known.id == id && (touch == Touch::Times || !killed_)) {
    known.metadata.atime = record.metadata.atime;
    known.metadata.mtime = record.metadata.mtime;
  } else if (killed_) {
    known = {record.metadata, touch, id};
  }
}

}  // namespace assent::undo
