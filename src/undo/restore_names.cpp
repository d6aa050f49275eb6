// Metadata and names on their way back; and the taking back of what an undo did.
#include "undo/restorer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"

namespace assent::undo {

namespace {

Found unseen(const FileId& id) {
  Found out;
  out.there = out.unseen = true;
  out.id = id;
  return out;
}

}  // namespace

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
    if (is_agents(record.id)) return;
    return tell(record.path, "metadata", Done::Conflict,
                now.there ? "another object has its name now" : "it is not there");
  }
  if (dry()) return tell(record.path, "metadata", Done::Restored);
  auto object = pin(record.path, now);
  if (!object) return failed(record.path, "metadata", object.error());
  auto current = read_metadata(object->get(), now.stat, record.metadata.flags ? Flags::Yes : Flags::No);
  if (current && as_it_was(*current, record.metadata)) return tell(record.path, "metadata", Done::Already);
  if (auto status = note_metadata(record.path, now); !status) return failed(record.path, "metadata", status.error());
  Metadata for_now = record.metadata;
  if (S_ISDIR(record.metadata.mode)) {  // there may be more to do in it
    for_now.mode |= S_IRWXU;
    last_touches_[record.path] = {record.metadata, Touch::Everything, now.id};
  }
  if (auto status = apply_metadata(object->get(), for_now); !status)
    return failed(record.path, "metadata", status.error());
  step();
  tell(record.path, "metadata", Done::Restored);
}

void Restorer::rename_back(const Record& record) {
  const Found there = look(record.other);
  if (there.unseen) {
    plan_.move(record.other, record.path, unseen(record.id));
    moved(record, Ways::One);
    return tell_name(record, Done::Restored);
  }
  if (is(there, record.id)) {
    if (move_back(record, there)) moved(record, Ways::One);
    return;
  }
  if (is(look(record.path), record.id)) {
    moved(record, Ways::One);
    return tell_name(record, Done::Already);
  }
  if (is_agents(record.id)) return moved(record, Ways::One);
  tell(record.path, "name", Done::Conflict, fmt::format("it is no longer at {}", show(record.other)));
}

// `there`: what is at record.other now, and gets the name record.path. False: it was told why not.
bool Restorer::move_back(const Record& record, const Found& there) {
  const auto fails = [&](const Error& error) {
    failed(record.path, "name", error);
    return false;
  };
  if (!folders_above(record.path)) {
    no_folder(record.path, "name");
    return false;
  }
  if (!make_way(record.path, look(record.path), "name")) return false;
  if (dry()) {
    plan_.move(record.other, record.path, there);
    tell_name(record, Done::Restored);
    return true;
  }
  for (const auto& path : {record.other, record.path}) {
    if (auto status = note_times_of(folder_of(path)); !status) return fails(status.error());
  }
  Record line;
  line.kind = Kind::Renamed;
  line.sequence = record.sequence;
  line.path = record.other;
  line.other = record.path;
  line.id = there.id;
  if (auto status = note(line); !status) return fails(status.error());
  auto from = folder(folder_of(record.other));
  if (!from) return fails(from.error());
  const int source = *from;
  auto to = folder(folder_of(record.path));
  if (!to) return fails(to.error());
  if (const int code =
          rename_exactly(there.id, source, last_name(record.other).c_str(), *to, last_name(record.path).c_str());
      code != 0) {
    vault_->did_not_happen(line);
    return fails(
        Error{code, fmt::format("cannot rename it back: {} ({})", ::strerrordesc_np(code), ::strerrorname_np(code))});
  }
  step();
  tell_name(record, Done::Restored);
  return true;
}

// A name is where it was, and all that is below it.
void Restorer::moved(const Record& record, Ways ways) {
  const std::string& from = record.other;
  const std::string& to = record.path;
  const auto lies_there = [&](const auto& open) { return below(open.first, from) || below(open.first, to); };
  if (std::ranges::any_of(open_, lies_there)) forget_folders();
  last_touches_.moved(from, to, ways);
  timed_.moved(from, to, ways);
  links_.moved(from, to, ways);
  passages_.moved(from, to, ways);
  passed_through_.moved(from, to, ways);
}

void Restorer::swap_back(const Record& record) {
  const Found one = look(record.path);
  const Found two = look(record.other);
  if (one.unseen || two.unseen) {
    plan_.swap(record.path, unseen(record.other_id), record.other, unseen(record.id));
    moved(record, Ways::Both);
    return tell_name(record, Done::Restored);
  }
  if (is(one, record.id) && is(two, record.other_id)) {
    moved(record, Ways::Both);
    return tell_name(record, Done::Already);
  }
  if (!is(one, record.other_id) || !is(two, record.id)) return swap_half_back(record, one, two);
  if (dry()) {
    plan_.swap(record.path, one, record.other, two);
    moved(record, Ways::Both);
    return tell_name(record, Done::Restored);
  }
  for (const auto& path : {record.other, record.path}) {
    if (auto status = note_times_of(folder_of(path)); !status) return failed(record.path, "name", status.error());
  }
  Record line = record;
  line.refers = record.order;
  line.id = one.id;  // which may have been made anew
  line.other_id = two.id;
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
  moved(record, Ways::Both);
  tell_name(record, Done::Restored);
}

// One of the two is gone: the other still gets its name back. What the agent had made itself need not come back.
void Restorer::swap_half_back(const Record& record, const Found& one, const Found& two) {
  const auto give_back = [&](const Record& half, const Found& there, const Found& place) {
    if (is(there, half.id)) return (void)move_back(half, there);
    if (is(place, half.id)) return tell_name(half, Done::Already);
    if (is_agents(half.id)) return;
    tell(half.path, "name", Done::Conflict, fmt::format("it is no longer at {}", show(half.other)));
  };
  Record second = record;
  std::swap(second.path, second.other);
  std::swap(second.id, second.other_id);
  give_back(record, two, one);
  give_back(second, one, two);
  moved(record, Ways::Both);
}

void Restorer::remember_times(const Record& record) {
  const Found now = look(record.path);
  if (dry() || !is(now, record.id)) return;
  const auto known = last_touches_.find(record.path);
  if (known != last_touches_.end() && known->second.id == now.id) {
    known->second.metadata.atime = record.metadata.atime;
    known->second.metadata.mtime = record.metadata.mtime;
    return;
  }
  see_times(record.path, now);
  // Whose names somebody else has changed since keeps the times it has.
  if (ended_ != 0 && timed_[record.path].mtime > std::max(ended_, ours_until_)) return;
  last_touches_[record.path] = {record.metadata, Touch::Times, now.id};
}

void Restorer::remember_link(const Record& record) { links_[record.path] = record.id; }

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
    plan_.remove(record.path);
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
  line.refers = record.order;
  return line;
}

void Restorer::remove_made(const Record& record) {
  const Found now = look(record.path);
  if (now.unseen) return tell(record.path, "folder", Done::Restored, kUnseen);
  if (!is(now, record.id)) return tell(record.path, "folder", Done::Already);
  if (dry()) {
    plan_.remove(record.path);
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
