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
#include "undo/catalog.h"
#include "undo/object.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMostFolders = 256;
constexpr int kMostDepth = 256;

}  // namespace

bool below(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

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
  if (!options_.wanted.everything()) return;
  // Folders as they are before anything comes back, for the restore of this restore.
  for (const Record& record : manifest_.records) {
    if (record.kind != Kind::Parent) continue;
    const Found now = look(record.path);
    // Whose names somebody else has changed since keeps the times it has.
    if (now.there && ended_ != 0 && metadata_of(now.stat).mtime > ended_) newer_folders_.insert(record.path);
    if (dry() || !is(now, record.id)) continue;
    Record line = record;
    line.id = now.id;
    line.metadata = metadata_of(now.stat);
    timed_.insert(record.path);
    times_.push_back(std::move(line));
  }
}

// What restores of this transaction have made anew stands for what was there before; and what one that was killed has
// left half written is no change of a human's.
void Restorer::learn_from_earlier_ones() {
  for (const auto& name : transactions_about(options_.state_vault, options_.transaction)) {
    const std::string path = options_.state_vault + "/" + name;
    auto folder = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    auto earlier = folder ? read_manifest(folder->get()) : Result<Manifest>(fail(ENOENT));
    if (!earlier) continue;
    const bool ended = std::ranges::any_of(earlier->records, [](const Record& each) { return each.kind == Kind::End; });
    if (ended) begun_.clear();  // it has brought them to their end
    for (const Record& each : earlier->records) {
      const bool made = each.kind == Kind::Made || each.kind == Kind::Placed;
      if (made && each.other_id.inode != 0) remade_[each.other_id] = each.id;
      if (!ended && each.kind == Kind::Content) begun_.insert(each.id);
    }
  }
}

void Restorer::take_all_back() {
  std::unordered_set<std::uint64_t> taken;  // ahead of their turn
  for (auto at = manifest_.records.rbegin(); at != manifest_.records.rend(); ++at) {
    if (!is_wanted(*at) || taken.contains(at->order)) continue;
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

// Before the first change: a restore with nothing to do leaves no trace.
Status Restorer::note_times() {
  for (Record& line : std::exchange(times_, {})) {
    if (auto status = vault_->append(line); !status) return status;
  }
  return {};
}

Status Restorer::note_times_of(const std::string& folder_path) {
  if (auto status = note_times(); !status) return status;
  if (!timed_.insert(folder_path).second) return {};
  const Found now = look(folder_path);
  if (!now.there) return {};
  Record line;
  line.kind = Kind::Parent;
  line.path = folder_path;
  line.id = now.id;
  line.metadata = metadata_of(now.stat);
  return vault_->append(line);
}

Status Restorer::note(Record& record) {
  if (auto status = note_times(); !status) return status;
  return vault_->append(record);
}

bool Restorer::is_wanted(const Record& record) const {
  if (record.kind == Kind::Parent) return options_.wanted.everything();
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
  switch (record.kind) {
    case Kind::Begin:
    case Kind::Store:
    case Kind::Void:
    case Kind::End:
    case Kind::Hashed:
      return;
    case Kind::Removed:
      return put_back(record);
    case Kind::Folder:
      return make_folder(record);
    case Kind::Content:
      return give_content_back(record);
    case Kind::Changed:
      return give_metadata_back(record);
    case Kind::Renamed:
      return rename_back(record);
    case Kind::Swapped:
      return swap_back(record);
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

// Descriptors that somebody still works with stay open until the next time.
void Restorer::forget_folders() { earlier_ = std::exchange(open_, {}); }

Found Restorer::look(const std::string& path) {
  Found out;
  if (dry()) {
    if (const auto planned = planned_.find(path); planned != planned_.end()) return planned->second;
    for (std::string above = folder_of(path); above != "/"; above = folder_of(above)) {
      if (planned_.contains(above)) return out;  // a folder that is still to be made
    }
  }
  auto parent = folder(folder_of(path));
  auto stat = parent ? sys::statx(*parent, last_name(path).c_str()) : Result<struct statx>(pass(std::move(parent)));
  out.unseen = dry() && !stat && stat.error().code == EACCES;
  if (!stat) return out;
  out.there = true;
  out.id = sys::id_of(*stat);
  out.stat = *stat;
  return out;
}

Result<UniqueFd> Restorer::pin(const std::string& path, const Found& found) {
  auto host = folder(folder_of(path));
  if (!host) return pass(std::move(host));
  auto object = sys::openat(*host, last_name(path).c_str(), O_PATH | O_NOFOLLOW);
  auto stat = object ? sys::statx(object->get(), "") : Result<struct statx>(pass(std::move(object)));
  if (!stat) return pass(std::move(stat));
  if (!(sys::id_of(*stat) == found.id)) return fail(ESTALE, "it is being changed by somebody");
  return object;
}

bool Restorer::is(const Found& found, const FileId& id) const {
  if (!found.there) return false;
  if (same_object(found.id, id)) return true;
  const auto alias = remade_.find(id);
  return alias != remade_.end() && same_object(found.id, alias->second);
}

bool Restorer::is_agents(const Found& found) const {
  return options_.made_by_agent && options_.made_by_agent(found.id);
}

bool Restorer::changed_since(const struct statx& stat) const { return ended_ != 0 && metadata_of(stat).mtime > ended_; }

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
}

void Restorer::tell_name(const Record& record, Done done) {
  tell(record.path, "name", done);
  out_.items.back().other = record.other;
}

void Restorer::no_folder(const std::string& path, std::string_view what) {
  tell(path, what, Done::Conflict, fmt::format("the folder {} is not there", show(folder_of(path))));
}

bool Restorer::folders_above(const std::string& path) {
  const std::string above = folder_of(path);
  if (above == "/") return true;
  if (const Found now = look(above); now.there || now.unseen) return now.unseen || S_ISDIR(now.stat.stx_mode);
  const auto removed = folders_.find(above);
  if (removed == folders_.end()) return false;
  make_folder(*removed->second);
  return look(above).there;
}

Directory Restorer::directory_of(int host, const std::string& path) {
  Directory out;
  out.host.reset(::fcntl(host, F_DUPFD_CLOEXEC, 0));
  if (auto stat = sys::statx(host, "")) {
    out.id = sys::id_of(*stat);
    out.mount = stat->stx_mnt_id;
  }
  out.path = path;
  return out;
}

Target Restorer::target_of(const std::string& path, const Found& found) {
  Target out;
  out.name = last_name(path);
  out.path = path;
  if (found.there) out.stat = found.stat;
  out.id = found.id;
  return out;
}

// A folder goes with everything in it.
Status Restorer::put_aside(const std::string& path, const Found& found) {
  if (S_ISDIR(found.stat.stx_mode)) {
    auto names = names_in(path);
    if (!names) return pass(std::move(names));
    for (const auto& name : *names) {
      const std::string child = path + "/" + name;
      if (auto status = put_aside(child, look(child)); !status) return status;
    }
    open_.erase(path);
  }
  if (dry()) {
    planned_[path] = Found{};
    return {};
  }
  auto host = folder(folder_of(path));
  if (!host) return pass(std::move(host));
  if (auto status = note_times_of(folder_of(path)); !status) return status;
  const Directory directory = directory_of(*host, folder_of(path));
  auto kept = vault_->keep_removed(directory, last_name(path), target_of(path, found), ++step_number_);
  if (!kept) return pass(std::move(kept));
  return *kept == Removal::Taken ? Status{} : fail(ESTALE, "it is being changed by somebody");
}

Result<std::vector<std::string>> Restorer::names_in(const std::string& path) {
  auto parent = folder(path);
  if (!parent) return pass(std::move(parent));
  auto entries = entries_of(*parent);
  if (!entries) return pass(std::move(entries));
  std::vector<std::string> out;
  for (auto& entry : *entries) out.push_back(std::move(entry.name));
  return out;
}

std::string Restorer::in_the_way_within(const std::string& path, int depth) {
  if (depth == 0) return "the agent's folder in its place is too deep";
  auto names = names_in(path);
  if (!names) return "the agent's folder in its place cannot be read";
  for (const auto& name : *names) {
    const std::string child = path + "/" + name;
    const Found found = look(child);
    if (!found.there) continue;
    if (!is_agents(found))
      return fmt::format("a folder has its place now, and {} in it is not the agent's", show(child));
    if (!S_ISDIR(found.stat.stx_mode) && changed_since(found.stat))
      return fmt::format("a folder has its place now, and {} in it was changed after the session", show(child));
    if (!S_ISDIR(found.stat.stx_mode)) continue;
    if (auto why = in_the_way_within(child, depth - 1); !why.empty()) return why;
  }
  return {};
}

bool Restorer::make_way(const std::string& path, const Found& found, std::string_view what) {
  if (!found.there) return true;
  std::string why;
  if (!is_agents(found)) {
    why = fmt::format("another {} has its place now", word_for(found.stat.stx_mode));
  } else if (S_ISDIR(found.stat.stx_mode)) {
    why = in_the_way_within(path, kMostDepth);
  } else if (changed_since(found.stat)) {
    why = "the agent's file in its place was changed after the session";
  }
  if (!why.empty()) {
    tell(path, what, Done::Conflict, std::move(why));
    return false;
  }
  if (auto status = put_aside(path, found); !status) {
    failed(path, what, status.error());
    return false;
  }
  return true;
}

// Every name that came back changed the times of its folder, and a folder without write permission takes none: so
// these come last, what lies deepest first.
void Restorer::give_times_back() {
  if (dry()) return;
  for (auto at = last_touches_.rbegin(); at != last_touches_.rend(); ++at) {
    auto place = open_place(at->first == "/" ? "/." : at->first);
    if (!place) continue;
    auto object = sys::openat(place->folder.get(), place->name.c_str(), O_PATH | O_NOFOLLOW);
    auto stat = object ? sys::statx(object->get(), "") : Result<struct statx>(fail(ENOENT));
    if (!stat || !(sys::id_of(*stat) == at->second.id)) continue;  // somebody has put another one there
    auto status = at->second.touch == Touch::Times ? apply_times(object->get(), at->second.metadata)
                                                   : apply_metadata(object->get(), at->second.metadata);
    if (!status && status.error().code != EPERM) failed(at->first, "metadata", status.error());
    step();
  }
}

}  // namespace assent::undo
