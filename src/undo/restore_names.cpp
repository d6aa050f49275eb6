// Metadata and names on their way back; and the taking back of what an undo did.
#include "undo/restorer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"

namespace assent::undo {

Status Restorer::note_metadata(const std::string& path, const Found& now) {
  auto object = pin(path, now);
  if (!object) return pass(std::move(object));
  auto metadata = read_metadata(object->get(), now.stat, Flags::Yes);
  if (!metadata) return pass(std::move(metadata));
  Record line;
  line.kind = Kind::Changed;
  line.path = path;
  line.id = now.id;
  line.metadata = std::move(*metadata);
  return note(line);
}

void Restorer::give_metadata_back(const Record& record) {
  const Found now = look(record.path);
  if (now.unseen) return tell(record.path, "metadata", Done::Restored, kUnseen);
  if (!is(now, record.id)) {
    return tell(record.path, "metadata", Done::Conflict,
                now.there ? "another object has its name now" : "it is not there");
  }
  if (dry()) return tell(record.path, "metadata", Done::Restored);
  auto object = pin(record.path, now);
  if (!object) return failed(record.path, "metadata", object.error());
  auto current = read_metadata(object->get(), now.stat, record.metadata.flags ? Flags::Yes : Flags::No);
  if (current && as_it_was(*current, record.metadata)) return tell(record.path, "metadata", Done::Already);
  if (auto status = note_metadata(record.path, now); !status) return failed(record.path, "metadata", status.error());
  if (auto status = apply_metadata(object->get(), record.metadata); !status)
    return failed(record.path, "metadata", status.error());
  step();
  if (S_ISDIR(record.metadata.mode)) last_touches_[record.path] = {record.metadata, Touch::Everything, now.id};
  tell(record.path, "metadata", Done::Restored);
}

void Restorer::rename_back(const Record& record) {
  const Found there = look(record.other);
  if (there.unseen) return tell_name(record, Done::Restored);
  if (!is(there, record.id)) {
    if (is(look(record.path), record.id)) return tell_name(record, Done::Already);
    return tell(record.path, "name", Done::Conflict, fmt::format("it is no longer at {}", show(record.other)));
  }
  if (!folders_above(record.path)) return no_folder(record.path, "name");
  if (!make_way(record.path, look(record.path), "name")) return;
  if (dry()) {
    planned_[record.path] = there;
    planned_[record.other] = Found{};
    return tell_name(record, Done::Restored);
  }
  for (const auto& path : {record.other, record.path}) {
    if (auto status = note_times_of(folder_of(path)); !status) return failed(record.path, "name", status.error());
  }
  Record line;
  line.kind = Kind::Renamed;
  line.sequence = record.sequence;
  line.path = record.other;
  line.other = record.path;
  line.id = there.id;
  if (auto status = note(line); !status) return failed(record.path, "name", status.error());
  auto from = folder(folder_of(record.other));
  if (!from) return failed(record.path, "name", from.error());
  const int source = *from;
  auto to = folder(folder_of(record.path));
  if (!to) return failed(record.path, "name", to.error());
  if (const int code =
          rename_exactly(there.id, source, last_name(record.other).c_str(), *to, last_name(record.path).c_str());
      code != 0) {
    vault_->did_not_happen(line);
    return failed(
        record.path, "name",
        Error{code, fmt::format("cannot rename it back: {} ({})", ::strerrordesc_np(code), ::strerrorname_np(code))});
  }
  step();
  if (S_ISDIR(there.stat.stx_mode)) moved_folder(record.other, record.path);
  tell_name(record, Done::Restored);
}

void Restorer::moved_folder(const std::string& from, const std::string& to) {
  forget_folders();
  std::map<std::string, LastTouch> moved;
  for (auto& [path, touch] : last_touches_)
    moved[below(path, from) ? to + path.substr(from.size()) : path] = std::move(touch);
  last_touches_ = std::move(moved);
}

void Restorer::swap_back(const Record& record) {
  const Found one = look(record.path);
  const Found two = look(record.other);
  if (is(one, record.id) && is(two, record.other_id)) return tell_name(record, Done::Already);
  if (!is(one, record.other_id) || !is(two, record.id))
    return tell(record.path, "name", Done::Conflict, "the two that changed places are not there any more");
  if (dry()) {
    planned_[record.path] = two;
    planned_[record.other] = one;
    return tell_name(record, Done::Restored);
  }
  for (const auto& path : {record.other, record.path}) {
    if (auto status = note_times_of(folder_of(path)); !status) return failed(record.path, "name", status.error());
  }
  Record line = record;
  line.id = record.other_id;
  line.other_id = record.id;
  if (auto status = note(line); !status) return failed(record.path, "name", status.error());
  auto first = folder(folder_of(record.path));
  if (!first) return failed(record.path, "name", first.error());
  const int a = *first;
  auto second = folder(folder_of(record.other));
  if (!second) return failed(record.path, "name", second.error());
  if (::renameat2(a, last_name(record.path).c_str(), *second, last_name(record.other).c_str(), RENAME_EXCHANGE) != 0) {
    const int code = errno;
    vault_->did_not_happen(line);
    return failed(record.path, "name", Error{code, "cannot exchange them"});
  }
  step();
  forget_folders();
  tell_name(record, Done::Restored);
}

void Restorer::remember_times(const Record& record) {
  if (newer_folders_.contains(record.path)) return;
  const Found now = look(record.path);
  if (!is(now, record.id)) return;
  const auto [at, fresh] = last_touches_.try_emplace(record.path, LastTouch{record.metadata, Touch::Times, now.id});
  if (!fresh) {
    at->second.metadata.atime = record.metadata.atime;
    at->second.metadata.mtime = record.metadata.mtime;
  }
}

// Of an undo: what came out goes back to where it was kept.
void Restorer::take_in_again(const Record& record) {
  const std::string_view what = word_for(record.metadata.mode);
  const Found now = look(record.path);
  if (now.unseen) return tell(record.path, what, Done::Restored, kUnseen);
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
  if (auto status = note_times_of(folder_of(record.path)); !status) return failed(record.path, what, status.error());
  Record line = taken_in_record(record);
  if (auto status = note(line); !status) return failed(record.path, what, status.error());
  auto from = folder(folder_of(record.path));
  if (!from) return failed(record.path, what, from.error());
  const int source = *from;
  auto to = folder(folder_of(kept));
  const int code = to ? rename_exactly(now.id, source, last_name(record.path).c_str(), *to, last_name(kept).c_str())
                      : to.error().code;
  if (code != 0) {
    vault_->did_not_happen(line);
    return failed(record.path, what, Error{code, "it cannot go back into the vault"});
  }
  step();
  tell(record.path, what, Done::Restored);
}

Record Restorer::taken_in_record(const Record& record) const {
  Record line = record;
  line.kind = Kind::Removed;
  line.store = own_store(record.store);
  return line;
}

void Restorer::remove_made(const Record& record) {
  const Found now = look(record.path);
  if (now.unseen) return tell(record.path, "folder", Done::Restored, kUnseen);
  if (!is(now, record.id)) return tell(record.path, "folder", Done::Already);
  if (dry()) {
    planned_[record.path] = Found{};
    return tell(record.path, "folder", Done::Restored);
  }
  auto parent = folder(folder_of(record.path));
  if (!parent) return failed(record.path, "folder", parent.error());
  const Directory directory = directory_of(*parent, folder_of(record.path));
  open_.erase(record.path);
  if (auto status = note_times_of(folder_of(record.path)); !status)
    return failed(record.path, "folder", status.error());
  auto kept = vault_->keep_removed(directory, last_name(record.path), target_of(record.path, now), ++step_number_);
  if (!kept && kept.error().code == ENOTEMPTY)
    return tell(record.path, "folder", Done::Conflict, "there is something in it now");
  if (!kept) return failed(record.path, "folder", kept.error());
  tell(record.path, "folder", *kept == Removal::Taken ? Done::Restored : Done::Conflict);
}

}  // namespace assent::undo
