#include "undo/restorer.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMostFolders = 256;

}  // namespace

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string_view word_for(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFLNK:
      return "symbolic link";
    case S_IFDIR:
      return "folder";
    default:
      return "special file";
  }
}

bool as_it_was(const Metadata& now, Metadata wanted) {
  wanted.atime = now.atime;
  return now == wanted;
}

Result<std::vector<Entry>> entries_of(int folder) {
  auto opened = sys::openat(folder, ".", O_RDONLY | O_DIRECTORY);
  if (!opened) return pass(std::move(opened));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(opened->get()), ::closedir);
  if (!listing) return sys::last_error("fdopendir");
  (void)opened->release();
  std::vector<Entry> out;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.push_back({std::string(name), entry->d_ino});
  }
  return out;
}

Result<Restored> Restorer::run() {
  collect();
  learn_from_earlier_ones();
  VaultOptions own;
  own.transaction = options_.new_transaction;
  own.about = options_.transaction;
  own.state_vault = options_.state_vault;
  for (const auto& [number, folder] : stores_) {
    if (number != 0) own.stores.push_back(folder);
  }
  own.max_file = own.max_total = UINT64_MAX;  // what is in the way is never thrown away for want of room
  own.stage_name = [this](std::uint64_t sequence) {
    return fmt::format(".assent-{}-{}", options_.new_transaction, sequence);
  };
  if (options_.on_step) own.on_step = [this](Step reached) { step(static_cast<int>(reached)); };
  vault_.emplace(std::move(own));

  take_all_back();
  remove_passed_through();
  give_times_back();
  if (auto closed = vault_->close(); !closed) return pass(std::move(closed));
  out_.damaged = manifest_.damaged;
  return std::move(out_);
}

void Restorer::collect() {
  stores_[0] = options_.state_vault;
  for (const Record& record : manifest_.records) {
    if (record.kind == Kind::Store) stores_[record.store] = record.path;
    if (record.kind == Kind::End) ended_ = record.until != 0 ? record.until : record.time;
    if (record.kind == Kind::Folder) folders_.emplace(record.path, &record);
    if (record.kind == Kind::Renamed && record.sequence != 0) renames_.emplace(record.sequence, &record);
  }
}

void Restorer::take_all_back() {
  std::unordered_set<std::uint64_t> taken;  // ahead of their turn
  for (auto at = manifest_.records.rbegin(); at != manifest_.records.rend(); ++at) {
    if (!is_wanted(*at) || taken.contains(at->order)) continue;
    if (done_.contains(at->order) || (killed_ && at->kind == Kind::Parent && at->order > killed_at_)) {
      finish_moves();
      pass_over(*at);
      continue;
    }
    if (rename_over(*at) == nullptr && joins_batch(*at)) continue;
    hand_over_batch();
    if (waits_until_empty(*at)) continue;
    if (rename_over(*at) != nullptr || !goes_on_meanwhile(*at)) finish_moves();
    // A rename over something was noted before what it replaced went into the vault, and must be taken back before that
    // can return to its place.
    if (const Record* rename = rename_over(*at)) {
      taken.insert(rename->order);
      take_back(*rename);
    }
    take_back(*at);
  }
  finish_moves();
}

const Record* Restorer::rename_over(const Record& removed) const {
  if (removed.kind != Kind::Removed && removed.kind != Kind::Folder) return nullptr;
  const auto found = renames_.find(removed.sequence);
  if (found == renames_.end()) return nullptr;
  const Record* rename = found->second;
  return rename->other == removed.path && rename->order < removed.order ? rename : nullptr;
}

// What waits until something changes: a restore with nothing to do leaves no trace.
Status Restorer::note_waiting() {
  for (Record& line : std::exchange(waiting_, {})) {
    if (auto status = vault_->append(line); !status) return status;
  }
  return {};
}

void Restorer::see_times(const std::string& folder_path, const Found& now) {
  if (!now.there) return;
  Seen& seen = timed_[folder_path];
  if (seen.id == now.id) return;
  Record line;
  line.kind = Kind::Parent;
  line.path = folder_path;
  line.id = now.id;
  line.metadata = metadata_of(now.stat);
  seen = {now.id, line.metadata.mtime};
  waiting_.push_back(std::move(line));
}

Status Restorer::note_times_of(const std::string& folder_path) {
  const Found now = look(folder_path);
  see_times(folder_path, now);
  auto noted = note_waiting();
  (void)enter(folder_path, now, S_IRWXU);
  return noted;
}

Status Restorer::note(Record& record) {
  if (auto status = note_waiting(); !status) return status;
  return vault_->append(record);
}

bool Restorer::is_wanted(const Record& record) const {
  if (record.kind == Kind::Parent) return options_.wanted.everything();
  if (record.kind == Kind::Linked) return true;
  if (options_.wanted.sequence && record.sequence != *options_.wanted.sequence) return false;
  if (options_.wanted.paths.empty() || is_named(record)) return true;
  // Who wants back what was renamed over something gets that too, else its place would be empty.
  const Record* rename = rename_over(record);
  return rename != nullptr && is_named(*rename);
}

bool Restorer::is_named(const Record& record) const {
  const bool two = record.kind == Kind::Renamed || record.kind == Kind::Swapped;
  return options_.wanted.matches(record.path) || (two && options_.wanted.matches(record.other));
}

void Restorer::take_back(const Record& record) {
  const std::uint64_t before = begin_line(record.order);
  take_back_now(record);
  begin_line(before);
}

// What is noted from now on is about that line. The one before.
std::uint64_t Restorer::begin_line(std::uint64_t order) {
  vault_->refer_to(order);
  return std::exchange(line_, order);
}

void Restorer::take_back_now(const Record& record) {
  switch (record.kind) {
    case Kind::Begin:
    case Kind::Store:
    case Kind::Void:
    case Kind::End:
    case Kind::Hashed:
    case Kind::Already:
    case Kind::Failed:
      return;
    case Kind::Removed:
      return put_back(record);
    case Kind::Folder:
      return is_only_passed_through(record) ? remember_passage(record) : make_folder(record);
    case Kind::Content:
      return give_content_back(record);
    case Kind::Changed:
      return give_metadata_back(record);
    case Kind::Renamed:
      return rename_back(record);
    case Kind::Swapped:
      return swap_back(record);
    case Kind::Linked:
      return remember_link(record);
    case Kind::Parent:
      return remember_times(record);
    case Kind::Placed:
      return take_in_again(record);
    case Kind::Made:
      return remove_made(record);
  }
}

Result<int> Restorer::folder(const std::string& path) {
  if (const auto found = open_.find(path); found != open_.end()) return found->second.get();
  auto place = open_place(path == "/" ? "/." : path + "/.");
  if (!place) return pass(std::move(place));
  if (open_.size() >= kMostFolders) forget_folders();
  return open_.emplace(path, std::move(place->folder)).first->second.get();
}

Result<Restorer::Spot> Restorer::spot(const std::string& path) {
  const std::string real = dry() ? plan_.real_path(path) : path;
  if (real.empty()) return fail(ENOENT);
  auto parent = folder(folder_of(real));
  if (!parent) return pass(std::move(parent));
  return Spot{*parent, last_name(real)};
}

// Descriptors that somebody still works with stay open until the next time.
void Restorer::forget_folders() { earlier_ = std::exchange(open_, {}); }

Found Restorer::look(const std::string& path) {
  Found out;
  if (const Found* planned = dry() ? plan_.find(path) : nullptr) return *planned;
  auto at = spot(path);
  auto stat = at ? sys::statx(at->folder, at->name.c_str()) : Result<struct statx>(pass(std::move(at)));
  if (!stat && stat.error().code == EACCES && enter_all(folder_of(path))) return look(path);
  out.unseen = dry() && !stat && stat.error().code == EACCES;
  if (!stat) return out;
  out.there = true;
  out.id = sys::id_of(*stat);
  out.stat = *stat;
  return out;
}

Result<UniqueFd> Restorer::pin(const std::string& path, const Found& found) {
  auto at = spot(path);
  if (!at) return pass(std::move(at));
  auto object = sys::openat(at->folder, at->name.c_str(), O_PATH | O_NOFOLLOW);
  auto stat = object ? sys::statx(object->get(), "") : Result<struct statx>(pass(std::move(object)));
  if (!stat) return pass(std::move(stat));
  if (!(sys::id_of(*stat) == found.id)) return fail(ESTALE, "it is being changed by somebody");
  return object;
}

// What has been made anew may have been made anew once more. Where a file system has no times of birth, an inode's
// number can come back and the way lead round.
FileId Restorer::now_known_as(FileId id) const {
  std::size_t steps = remade_.size();
  for (auto at = remade_.find(id); at != remade_.end() && steps-- > 0; at = remade_.find(id)) id = at->second;
  return id;
}

bool Restorer::is(const Found& found, const FileId& id) const {
  return found.there && (same_object(found.id, id) || same_object(found.id, now_known_as(id)));
}

bool Restorer::is_agents(const FileId& id) const { return options_.made_by_agent && options_.made_by_agent(id); }

// What an undo put aside, a redo brings back to stay.
bool Restorer::is_only_passed_through(const Record& folder) const {
  return is_agents(folder.id) && !options_.transaction.starts_with("undo-");
}

bool Restorer::is_agents_name(const std::string& path, const Found& found) const {
  const auto link = links_.find(path);
  return link != links_.end() && is(found, link->second) && found.stat.stx_nlink > 1;
}

bool Restorer::changed_since(const struct statx& stat, std::int64_t moment) {
  return moment != 0 && metadata_of(stat).mtime > moment;
}

void Restorer::tell(const std::string& path, std::string_view what, Done done, std::string why) {
  switch (done) {
    case Done::Restored:
      ++out_.restored;
      break;
    case Done::Already:
      ++out_.already;
      break;
    case Done::Conflict:
      ++out_.conflicts;
      break;
    case Done::Failed:
      ++out_.failed;
      break;
  }
  out_.items.push_back({path, std::string(what), done, std::move(why)});
  if (line_ == 0 || done == Done::Restored || dry()) return;
  Record line;
  line.kind = done == Done::Already ? Kind::Already : Kind::Failed;
  line.refers = line_;
  waiting_.push_back(std::move(line));
}

void Restorer::tell_name(const Record& record, Done done) {
  tell(record.path, "name", done);
  out_.items.back().other = record.other;
}

void Restorer::no_folder(const std::string& path, std::string_view what) {
  tell(path, what, Done::Conflict, fmt::format("the folder {} is not there", show(folder_of(path))));
}

// Every name that came back changed the times of its folder, and a folder without write permission takes none: so
// these come last, what lies deepest first.
void Restorer::give_times_back() {
  if (dry()) return;
  // A redo would know less without; and what was killed is finished now, which nobody need do again.
  if (killed_ && waiting_.empty()) waiting_.emplace_back().kind = Kind::Already;
  if (out_.restored > 0 || killed_) (void)note_waiting().has_value();
  for (auto at = last_touches_.rbegin(); at != last_touches_.rend(); ++at) {
    auto place = open_place(at->first == "/" ? "/." : at->first);
    if (!place) continue;
    auto object = sys::openat(place->folder.get(), place->name.c_str(), O_PATH | O_NOFOLLOW);
    auto stat = object ? sys::statx(object->get(), "") : Result<struct statx>(fail(ENOENT));
    if (!stat || !(sys::id_of(*stat) == at->second.id)) continue;  // somebody has put another one there
    if (killed_ && at->second.touch == Touch::Everything) {
      auto current = read_metadata(object->get(), *stat);
      if (current && !as_it_was(*current, at->second.metadata)) tell(at->first, "metadata", Done::Restored);
    }
    auto status = at->second.touch == Touch::Times ? apply_times(object->get(), at->second.metadata)
                                                   : apply_metadata(object->get(), at->second.metadata);
    if (!status && status.error().code != EPERM) failed(at->first, "metadata", status.error());
    step();
  }
}

}  // namespace assent::undo
