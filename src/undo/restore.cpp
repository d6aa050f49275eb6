#include "undo/restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <linux/fs.h>
#include <sodium.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <unordered_map>

#include "base/show.h"
#include "base/sys.h"
#include "undo/manifest.h"
#include "undo/object.h"
#include "undo/vault.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMostFolders = 256;

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

struct Found {
  bool there = false;
  FileId id;
  struct statx stat {};
};

class Restorer {
 public:
  Restorer(const RestoreOptions& options, Manifest manifest) : options_(options), manifest_(std::move(manifest)) {}

  Result<Restored> run() {
    collect();
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
    if (options_.on_step) own.on_step = [this](Step step) { options_.on_step(static_cast<int>(step)); };
    vault_.emplace(std::move(own));

    if (auto status = note_times(); !status) return pass(std::move(status));
    for (auto at = manifest_.records.rbegin(); at != manifest_.records.rend(); ++at) {
      if (is_wanted(*at)) take_back(*at);
    }
    give_times_back();
    if (auto closed = vault_->close(); !closed) return pass(std::move(closed));
    out_.damaged = manifest_.damaged;
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool dry() const { return options_.dry_run == DryRun::Yes; }
  void step() const {
    if (options_.on_step) options_.on_step(100);
  }

  void collect() {
    stores_[0] = options_.state_vault;
    for (const Record& record : manifest_.records) {
      if (record.kind == Kind::Store) stores_[record.store] = record.path;
      if (record.kind == Kind::End) ended_ = record.time;
      if (record.kind == Kind::Folder) folders_.emplace(record.path, &record);
    }
    if (!options_.wanted.everything() || ended_ == 0) return;
    // Whose names somebody else has changed since keeps the times it has.
    for (const Record& record : manifest_.records) {
      if (record.kind != Kind::Parent) continue;
      const Found now = look(record.path);
      if (now.there && metadata_of(now.stat).mtime > ended_) newer_folders_.emplace(record.path, true);
    }
  }

  // As the folders are before anything comes back, for the restore of this restore.
  Status note_times() {
    if (dry() || !options_.wanted.everything()) return {};
    for (const Record& record : manifest_.records) {
      if (record.kind != Kind::Parent) continue;
      const Found now = look(record.path);
      if (!is(now, record.id)) continue;
      Record note = record;
      note.id = now.id;
      note.metadata = metadata_of(now.stat);
      if (auto status = vault_->append(note); !status) return status;
    }
    return {};
  }

  [[nodiscard]] bool is_wanted(const Record& record) const {
    if (record.kind == Kind::Parent) return options_.wanted.everything();
    if (options_.wanted.sequence && record.sequence != *options_.wanted.sequence) return false;
    if (options_.wanted.paths.empty()) return true;
    const bool two = record.kind == Kind::Renamed || record.kind == Kind::Swapped;
    return options_.wanted.matches(record.path) || (two && options_.wanted.matches(record.other));
  }

  void take_back(const Record& record) {
    switch (record.kind) {
      case Kind::Begin:
      case Kind::Store:
      case Kind::Void:
      case Kind::End:
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

  // ---- what is there

  Result<int> folder(const std::string& path) {
    if (const auto found = open_.find(path); found != open_.end()) return found->second.get();
    auto place = open_place(path == "/" ? "/." : path + "/.");
    if (!place) return pass(std::move(place));
    if (open_.size() >= kMostFolders) open_.clear();
    return open_.emplace(path, std::move(place->folder)).first->second.get();
  }

  Found look(const std::string& path) {
    Found out;
    if (dry()) {
      if (const auto planned = planned_.find(path); planned != planned_.end()) return planned->second;
      for (std::string above = folder_of(path); above != "/"; above = folder_of(above)) {
        if (planned_.contains(above)) return out;  // a folder that is still to be made
      }
    }
    auto parent = folder(folder_of(path));
    if (!parent) return out;
    auto stat = sys::statx(*parent, last_name(path).c_str());
    if (!stat) return out;
    out.there = true;
    out.id = sys::id_of(*stat);
    out.stat = *stat;
    return out;
  }

  [[nodiscard]] bool is(const Found& found, const FileId& id) const {
    if (!found.there) return false;
    if (same_object(found.id, id)) return true;
    const auto alias = remade_.find(id);
    return alias != remade_.end() && same_object(found.id, alias->second);
  }

  [[nodiscard]] bool changed_since(const struct statx& stat) const {
    return ended_ != 0 && metadata_of(stat).mtime > ended_;
  }

  // ---- outcomes

  void tell(const std::string& path, std::string_view what, Done done, std::string why = {}) {
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
  void failed(const std::string& path, std::string_view what, const Error& error) {
    tell(path, what, Done::Failed, error.what);
  }

  // ---- room for what comes back

  // Folders above `path` that this transaction had removed and that are not there.
  bool folders_above(const std::string& path) {
    const std::string above = folder_of(path);
    if (above == "/" || look(above).there) return true;
    const auto removed = folders_.find(above);
    if (removed == folders_.end()) return false;
    make_folder(*removed->second);
    return look(above).there;
  }

  Directory directory_of(int host, const std::string& path) {
    Directory out;
    out.host.reset(::fcntl(host, F_DUPFD_CLOEXEC, 0));
    if (auto stat = sys::statx(host, "")) {
      out.id = sys::id_of(*stat);
      out.mount = stat->stx_mnt_id;
    }
    out.path = path;
    return out;
  }

  static Target target_of(const std::string& path, const Found& found) {
    Target out;
    out.name = last_name(path);
    out.path = path;
    if (found.there) out.stat = found.stat;
    out.id = found.id;
    return out;
  }

  // Takes what stands at `path` into this restore's own keeping.
  Status put_aside(const std::string& path, const Found& found) {
    if (dry()) {
      planned_[path] = Found{};
      return {};
    }
    auto host = folder(folder_of(path));
    if (!host) return pass(std::move(host));
    const Directory directory = directory_of(*host, folder_of(path));
    auto kept = vault_->keep_removed(directory, last_name(path), target_of(path, found), ++step_number_);
    if (!kept) return pass(std::move(kept));
    return *kept == Removal::Taken ? Status{} : fail(ESTALE, "it is being changed by somebody");
  }

  // Makes way at `path`. False: what is there stays, and was told.
  bool make_way(const std::string& path, const Found& found, std::string_view what) {
    if (!found.there) return true;
    const bool agents = options_.made_by_agent && options_.made_by_agent(found.id);
    if (!agents || S_ISDIR(found.stat.stx_mode)) {
      tell(path, what, Done::Conflict, fmt::format("another {} has its place now", word_for(found.stat.stx_mode)));
      return false;
    }
    if (changed_since(found.stat)) {
      tell(path, what, Done::Conflict, "the agent's file in its place was changed after the session");
      return false;
    }
    if (auto status = put_aside(path, found); !status) {
      failed(path, what, status.error());
      return false;
    }
    return true;
  }

  // ---- one kind after the other

  std::string vault_path(const Record& record) const {
    const auto store = stores_.find(record.store);
    const std::string& transaction = record.other.empty() ? options_.transaction : record.other;
    return fmt::format("{}/{}/{}", store == stores_.end() ? options_.state_vault : store->second, transaction,
                       record.place);
  }

  void put_back(const Record& record) {
    const std::string_view what = word_for(record.metadata.mode);
    const std::string kept = vault_path(record);
    const Found now = look(record.path);
    auto vault_folder = folder(folder_of(kept));
    auto stat = vault_folder ? sys::statx(*vault_folder, last_name(kept).c_str()) : Result<struct statx>(fail(ENOENT));
    const bool moved = record.how == How::Moved;
    if (is(now, record.id)) return tell(record.path, what, Done::Already);
    if (!stat || (moved && !same_object(sys::id_of(*stat), record.id))) {
      return tell(record.path, what, Done::Conflict,
                  "it is not in the vault any more (restored and moved since, or pruned)");
    }
    if (!moved && now.there && is_same_as_copy(record, now)) return tell(record.path, what, Done::Already);
    if (!folders_above(record.path)) {
      return tell(record.path, what, Done::Conflict,
                  fmt::format("the folder {} is not there", show(folder_of(record.path))));
    }
    if (!make_way(record.path, now, what)) return;
    if (dry()) {
      planned_[record.path] = Found{true, record.id, *stat};
    } else if (auto status = moved ? move_out(record, kept) : copy_out(record, kept); !status) {
      return failed(record.path, what, status.error());
    }
    tell(record.path, what, Done::Restored, record.written ? "the agent had it open for writing" : "");
  }

  bool is_same_as_copy(const Record& record, const Found& now) {
    if (S_ISDIR(now.stat.stx_mode) || (now.stat.stx_mode & S_IFMT) != (record.metadata.mode & S_IFMT)) return false;
    if (!S_ISREG(now.stat.stx_mode)) return true;
    auto host = folder(folder_of(record.path));
    auto a = host ? sys::openat(*host, last_name(record.path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
                  : Result<UniqueFd>(fail(ENOENT));
    auto b = sys::openat(AT_FDCWD, vault_path(record).c_str(), O_RDONLY | O_NOFOLLOW);
    return a && b && now.stat.stx_size == record.size && compare_content(a->get(), b->get()).has_value();
  }

  Status move_out(const Record& record, const std::string& kept) {
    auto from = folder(folder_of(kept));
    if (!from) return pass(std::move(from));
    const int source = *from;
    auto to = folder(folder_of(record.path));
    if (!to) return pass(std::move(to));
    Record placed = placed_record(record);
    if (auto status = vault_->append(placed); !status) return status;
    const int code = rename_noreplace(source, last_name(kept).c_str(), *to, last_name(record.path).c_str());
    if (code != 0) {
      vault_->did_not_happen(placed);
      return fail(code, fmt::format("cannot put it back: {} ({})", ::strerrordesc_np(code), ::strerrorname_np(code)));
    }
    step();
    return {};
  }

  Record placed_record(const Record& record) const {
    Record placed;
    placed.kind = Kind::Placed;
    placed.sequence = record.sequence;
    placed.path = record.path;
    placed.id = record.id;
    placed.metadata = record.metadata;
    placed.size = record.size;
    placed.store = own_store(record.store);
    placed.place = record.place;
    placed.how = record.how;
    placed.other = record.other.empty() ? options_.transaction : record.other;
    return placed;
  }

  // The number that the restore's own manifest has for a store of the other's.
  [[nodiscard]] unsigned own_store(unsigned number) const {
    unsigned own = 0;
    for (const auto& [each, path] : stores_) {
      if (each == number) return own;
      ++own;
    }
    return 0;
  }

  // A new object, made beside its place under a name of ours, then named as it was.
  Status copy_out(const Record& record, const std::string& kept) {
    auto object = sys::openat(AT_FDCWD, kept.c_str(), O_PATH | O_NOFOLLOW);
    if (!object) return pass(std::move(object));
    auto stat = sys::statx(object->get(), "");
    if (!stat) return pass(std::move(stat));
    auto to = folder(folder_of(record.path));
    if (!to) return pass(std::move(to));
    const std::string stage = fmt::format(".assent-{}-{}", options_.new_transaction, ++step_number_);
    auto copied = copy_object(object->get(), *stat, *to, stage.c_str());
    if (!copied) return pass(std::move(copied));
    step();
    const auto fail_with = [&](Error error) -> Status {
      ::unlinkat(*to, stage.c_str(), 0);  // our own copy
      return fail(error.code, std::move(error.what));
    };
    auto made = sys::openat(*to, stage.c_str(), O_PATH | O_NOFOLLOW);
    if (!made) return fail_with(made.error());
    if (auto status = apply_metadata(made->get(), record.metadata); !status) return fail_with(status.error());
    auto made_stat = sys::statx(made->get(), "");
    if (!made_stat) return fail_with(made_stat.error());
    Record placed = placed_record(record);
    placed.id = sys::id_of(*made_stat);
    placed.how = How::Copied;
    if (auto status = vault_->append(placed); !status) return fail_with(status.error());
    if (const int code = rename_noreplace(*to, stage.c_str(), *to, last_name(record.path).c_str()); code != 0) {
      vault_->did_not_happen(placed);
      return fail_with(Error{code, "rename"});
    }
    remade_[record.id] = placed.id;
    step();
    return {};
  }

  void make_folder(const Record& record) {
    const Found now = look(record.path);
    if (now.there && S_ISDIR(now.stat.stx_mode)) {
      remade_[record.id] = now.id;
      if (!told_folders_.emplace(record.path, true).second) return;
      return tell(record.path, "folder", Done::Already);
    }
    if (!folders_above(record.path)) {
      return tell(record.path, "folder", Done::Conflict,
                  fmt::format("the folder {} is not there", show(folder_of(record.path))));
    }
    if (!make_way(record.path, now, "folder")) return;
    told_folders_.emplace(record.path, true);
    if (dry()) {
      Found planned{true, record.id, {}};
      planned.stat.stx_mode = static_cast<__u16>(record.metadata.mode);
      planned_[record.path] = planned;
      return tell(record.path, "folder", Done::Restored);
    }
    auto parent = folder(folder_of(record.path));
    if (!parent) return failed(record.path, "folder", parent.error());
    const std::string name = last_name(record.path);
    if (::mkdirat(*parent, name.c_str(), 0700) != 0) return failed(record.path, "folder", Error{errno, "mkdir"});
    step();
    auto made = sys::openat(*parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    auto stat = made ? sys::statx(made->get(), "") : Result<struct statx>(fail(ENOENT));
    if (!stat) return failed(record.path, "folder", stat.error());
    Record note;
    note.kind = Kind::Made;
    note.sequence = record.sequence;
    note.path = record.path;
    note.id = sys::id_of(*stat);
    note.metadata = record.metadata;
    if (auto status = vault_->append(note); !status) return failed(record.path, "folder", status.error());
    remade_[record.id] = note.id;
    // What is put into it needs our own rights; the mode it had comes at the end, with the times.
    last_touches_[record.path] = {record.metadata, Touch::Everything};
    tell(record.path, "folder", Done::Restored);
  }

  void give_content_back(const Record& record) {
    const Found now = look(record.path);
    const std::string kept = vault_path(record);
    if (!is(now, record.id)) {
      // Somebody took the object away; its content comes back as a new one.
      if (now.there && is_same_as_copy(record, now)) return tell(record.path, "content", Done::Already);
      if (!folders_above(record.path)) {
        return tell(record.path, "content", Done::Conflict,
                    fmt::format("the folder {} is not there", show(folder_of(record.path))));
      }
      if (!make_way(record.path, now, "content")) return;
      if (dry()) {
        planned_[record.path] = Found{true, record.id, now.stat};
      } else if (auto status = copy_out(record, kept); !status) {
        return failed(record.path, "content", status.error());
      }
      return tell(record.path, "content", Done::Restored);
    }
    if (dry() && planned_.contains(record.path)) return tell(record.path, "content", Done::Restored);
    auto host = folder(folder_of(record.path));
    if (!host) return failed(record.path, "content", host.error());
    auto object = sys::openat(*host, last_name(record.path).c_str(), O_PATH | O_NOFOLLOW);
    if (!object) return failed(record.path, "content", object.error());
    auto copy = sys::openat(AT_FDCWD, kept.c_str(), O_RDONLY | O_NOFOLLOW);
    if (!copy) return tell(record.path, "content", Done::Conflict, "its copy is not in the vault any more");
    auto whole = sys::statx(copy->get(), "");
    if (!whole || whole->stx_size != record.size)
      return tell(record.path, "content", Done::Conflict, "its copy in the vault is damaged");
    const ObjectPath path(object->get());
    const UniqueFd reading(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const bool same =
        reading && now.stat.stx_size == record.size && compare_content(reading.get(), copy->get()).has_value();
    auto metadata = read_metadata(object->get(), now.stat);
    if (same && metadata && *metadata == record.metadata) return tell(record.path, "content", Done::Already);
    if (!same && changed_since(now.stat)) {
      return tell(record.path, "content", Done::Conflict, "it was changed after the session");
    }
    if (dry()) return tell(record.path, "content", Done::Restored);
    if (same) {
      if (auto status = note_metadata(record.path, now); !status) return failed(record.path, "content", status.error());
    } else if (auto status = vault_->keep_content(object->get(), target_of(record.path, now), record.sequence);
               !status) {
      return failed(record.path, "content", status.error());
    }
    if (!same) {
      UniqueFd writing(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
      if (!writing && errno == EACCES && ::chmod(path.c_str(), 0600) == 0) {  // the mode comes back below
        writing.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
      }
      if (!writing) return failed(record.path, "content", Error{errno, "it cannot be written"});
      if (auto status = replace_content(copy->get(), writing.get()); !status)
        return failed(record.path, "content", status.error());
      step();
    }
    if (auto status = apply_metadata(object->get(), record.metadata); !status)
      return failed(record.path, "content", status.error());
    step();
    tell(record.path, "content", Done::Restored);
  }

  Status note_metadata(const std::string& path, const Found& now) {
    auto host = folder(folder_of(path));
    if (!host) return pass(std::move(host));
    auto object = sys::openat(*host, last_name(path).c_str(), O_PATH | O_NOFOLLOW);
    if (!object) return pass(std::move(object));
    auto metadata = read_metadata(object->get(), now.stat, Flags::Yes);
    if (!metadata) return pass(std::move(metadata));
    Record note;
    note.kind = Kind::Changed;
    note.path = path;
    note.id = now.id;
    note.metadata = std::move(*metadata);
    return vault_->append(note);
  }

  void give_metadata_back(const Record& record) {
    const Found now = look(record.path);
    if (!is(now, record.id)) {
      return tell(record.path, "metadata", Done::Conflict,
                  now.there ? "another object has its name now" : "it is not there");
    }
    if (dry()) return tell(record.path, "metadata", Done::Restored);
    auto host = folder(folder_of(record.path));
    if (!host) return failed(record.path, "metadata", host.error());
    auto object = sys::openat(*host, last_name(record.path).c_str(), O_PATH | O_NOFOLLOW);
    if (!object) return failed(record.path, "metadata", object.error());
    auto current = read_metadata(object->get(), now.stat, record.metadata.flags ? Flags::Yes : Flags::No);
    if (current && *current == record.metadata) return tell(record.path, "metadata", Done::Already);
    if (auto status = note_metadata(record.path, now); !status) return failed(record.path, "metadata", status.error());
    if (auto status = apply_metadata(object->get(), record.metadata); !status)
      return failed(record.path, "metadata", status.error());
    step();
    if (S_ISDIR(record.metadata.mode)) last_touches_[record.path] = {record.metadata, Touch::Everything};
    tell(record.path, "metadata", Done::Restored);
  }

  void rename_back(const Record& record) {
    const Found there = look(record.other);
    if (!is(there, record.id)) {
      if (is(look(record.path), record.id)) return tell(record.path, "name", Done::Already);
      return tell(record.path, "name", Done::Conflict, fmt::format("it is no longer at {}", show(record.other)));
    }
    if (!folders_above(record.path)) {
      return tell(record.path, "name", Done::Conflict,
                  fmt::format("the folder {} is not there", show(folder_of(record.path))));
    }
    if (!make_way(record.path, look(record.path), "name")) return;
    if (dry()) {
      planned_[record.path] = there;
      planned_[record.other] = Found{};
      return tell(record.path, "name", Done::Restored);
    }
    Record note;
    note.kind = Kind::Renamed;
    note.sequence = record.sequence;
    note.path = record.other;
    note.other = record.path;
    note.id = there.id;
    if (auto status = vault_->append(note); !status) return failed(record.path, "name", status.error());
    auto from = folder(folder_of(record.other));
    if (!from) return failed(record.path, "name", from.error());
    const int source = *from;
    auto to = folder(folder_of(record.path));
    if (!to) return failed(record.path, "name", to.error());
    if (const int code = rename_noreplace(source, last_name(record.other).c_str(), *to, last_name(record.path).c_str());
        code != 0) {
      vault_->did_not_happen(note);
      return failed(
          record.path, "name",
          Error{code, fmt::format("cannot rename it back: {} ({})", ::strerrordesc_np(code), ::strerrorname_np(code))});
    }
    step();
    if (S_ISDIR(there.stat.stx_mode)) moved_folder(record.other, record.path);
    tell(record.path, "name", Done::Restored);
  }

  void moved_folder(const std::string& from, const std::string& to) {
    open_.clear();
    std::map<std::string, LastTouch> moved;
    for (auto& [path, touch] : last_touches_)
      moved[below(path, from) ? to + path.substr(from.size()) : path] = std::move(touch);
    last_touches_ = std::move(moved);
  }

  void swap_back(const Record& record) {
    const Found one = look(record.path);
    const Found two = look(record.other);
    if (is(one, record.id) && is(two, record.other_id)) return tell(record.path, "name", Done::Already);
    if (!is(one, record.other_id) || !is(two, record.id))
      return tell(record.path, "name", Done::Conflict, "the two that changed places are not there any more");
    if (dry()) {
      planned_[record.path] = two;
      planned_[record.other] = one;
      return tell(record.path, "name", Done::Restored);
    }
    Record note = record;
    note.id = record.other_id;
    note.other_id = record.id;
    if (auto status = vault_->append(note); !status) return failed(record.path, "name", status.error());
    auto first = folder(folder_of(record.path));
    if (!first) return failed(record.path, "name", first.error());
    const int a = *first;
    auto second = folder(folder_of(record.other));
    if (!second) return failed(record.path, "name", second.error());
    if (::renameat2(a, last_name(record.path).c_str(), *second, last_name(record.other).c_str(), RENAME_EXCHANGE) !=
        0) {
      const int code = errno;
      vault_->did_not_happen(note);
      return failed(record.path, "name", Error{code, "cannot exchange them"});
    }
    step();
    open_.clear();
    tell(record.path, "name", Done::Restored);
  }

  void remember_times(const Record& record) {
    if (newer_folders_.contains(record.path)) return;
    const Found now = look(record.path);
    if (!is(now, record.id)) return;
    const auto [at, fresh] = last_touches_.try_emplace(record.path, record.metadata, Touch::Times);
    if (!fresh) {
      at->second.metadata.atime = record.metadata.atime;
      at->second.metadata.mtime = record.metadata.mtime;
    }
  }

  // Of an undo: what came out goes back to where it was kept.
  void take_in_again(const Record& record) {
    const std::string_view what = word_for(record.metadata.mode);
    const Found now = look(record.path);
    if (!is(now, record.id)) {
      return tell(record.path, what, now.there ? Done::Conflict : Done::Already,
                  now.there ? "another object has its place now" : "");
    }
    if (changed_since(now.stat)) return tell(record.path, what, Done::Conflict, "it was changed after it was restored");
    if (dry()) {
      planned_[record.path] = Found{};
      return tell(record.path, what, Done::Restored);
    }
    if (record.how != How::Moved) {  // its copy is still in the vault
      if (auto status = put_aside(record.path, now); !status) return failed(record.path, what, status.error());
      return tell(record.path, what, Done::Restored);
    }
    const std::string kept = vault_path(record);
    Record note = record;
    note.kind = Kind::Removed;
    note.store = own_store(record.store);
    if (auto status = vault_->append(note); !status) return failed(record.path, what, status.error());
    auto from = folder(folder_of(record.path));
    if (!from) return failed(record.path, what, from.error());
    const int source = *from;
    auto to = folder(folder_of(kept));
    const int code =
        to ? rename_noreplace(source, last_name(record.path).c_str(), *to, last_name(kept).c_str()) : to.error().code;
    if (code != 0) {
      vault_->did_not_happen(note);
      return failed(record.path, what, Error{code, "it cannot go back into the vault"});
    }
    step();
    tell(record.path, what, Done::Restored);
  }

  void remove_made(const Record& record) {
    const Found now = look(record.path);
    if (!is(now, record.id)) return tell(record.path, "folder", Done::Already);
    if (dry()) {
      planned_[record.path] = Found{};
      return tell(record.path, "folder", Done::Restored);
    }
    auto parent = folder(folder_of(record.path));
    if (!parent) return failed(record.path, "folder", parent.error());
    const Directory directory = directory_of(*parent, folder_of(record.path));
    open_.erase(record.path);
    auto kept = vault_->keep_removed(directory, last_name(record.path), target_of(record.path, now), ++step_number_);
    if (!kept && kept.error().code == ENOTEMPTY)
      return tell(record.path, "folder", Done::Conflict, "there is something in it now");
    if (!kept) return failed(record.path, "folder", kept.error());
    tell(record.path, "folder", *kept == Removal::Taken ? Done::Restored : Done::Conflict);
  }

  // Every name that came back changed the times of its folder, and a folder without write permission takes none: so
  // these come last, what lies deepest first.
  void give_times_back() {
    if (dry()) return;
    for (auto at = last_touches_.rbegin(); at != last_touches_.rend(); ++at) {
      auto place = open_place(at->first == "/" ? "/." : at->first);
      if (!place) continue;
      auto object = sys::openat(place->folder.get(), place->name.c_str(), O_PATH | O_NOFOLLOW);
      if (!object) continue;
      auto status = at->second.touch == Touch::Times ? apply_times(object->get(), at->second.metadata)
                                                     : apply_metadata(object->get(), at->second.metadata);
      if (!status && status.error().code != EPERM) failed(at->first, "metadata", status.error());
    }
  }

  enum class Touch { Times, Everything };
  struct LastTouch {
    Metadata metadata;
    Touch touch = Touch::Times;
  };

  const RestoreOptions& options_;
  Manifest manifest_;
  std::optional<Vault> vault_;
  Restored out_;
  std::int64_t ended_ = 0;
  std::uint64_t step_number_ = 0;
  std::map<unsigned, std::string> stores_;
  std::unordered_map<std::string, const Record*> folders_;  // removed ones, by path
  std::unordered_map<std::string, UniqueFd> open_;
  std::unordered_map<FileId, FileId, FileIdHash> remade_;  // what the old object is now
  std::unordered_map<std::string, Found> planned_;         // dry run: what would be there
  std::unordered_map<std::string, bool> newer_folders_, told_folders_;
  std::map<std::string, LastTouch> last_touches_;
};

}  // namespace

std::string_view name(Done done) {
  constexpr std::array<std::string_view, 4> kWords{"restored", "already", "conflict", "failed"};
  return kWords[static_cast<std::size_t>(done)];
}

bool Wanted::matches(std::string_view path) const {
  const std::string whole(path);
  return std::ranges::any_of(paths, [&](const std::string& wanted) {
    if (below(path, wanted)) return true;
    if (wanted.find_first_of("*?[") == std::string::npos) return false;
    const bool any_depth = wanted.find('/') == std::string::npos;
    const std::string subject = any_depth ? last_name(whole) : whole;
    return ::fnmatch(wanted.c_str(), subject.c_str(), FNM_NOESCAPE) == 0;
  });
}

std::string new_undo_id() {
  const std::time_t now = ::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("undo-{:04}{:02}{:02}-{:02}{:02}{:02}-{:04x}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, ::randombytes_uniform(0x10000));
}

Result<Restored> restore(const RestoreOptions& options) {
  const std::string path = options.state_vault + "/" + options.transaction;
  auto folder = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    if (folder.error().code == ENOENT)
      return fail(ENOENT,
                  fmt::format("cannot undo {}: the vault keeps nothing of it (ENOENT)", show(options.transaction)));
    return pass(std::move(folder));
  }
  auto manifest = read_manifest(folder->get());
  if (!manifest) return pass(std::move(manifest));
  return Restorer(options, std::move(*manifest)).run();
}

}  // namespace assent::undo
