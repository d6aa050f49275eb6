// Objects and content on their way back out of the vault.
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

std::string Restorer::vault_path(const Record& record) const {
  const auto store = stores_.find(record.store);
  const std::string& transaction = record.other.empty() ? options_.transaction : record.other;
  return fmt::format("{}/{}/{}", store == stores_.end() ? options_.state_vault : store->second, transaction,
                     record.place);
}

// What is kept for the line, where it still is.
Result<struct statx> Restorer::in_vault(const Record& record) {
  const std::string kept = vault_path(record);
  auto vault_folder = folder(folder_of(kept));
  if (!vault_folder) return pass(std::move(vault_folder));
  auto stat = sys::statx(*vault_folder, last_name(kept).c_str());
  if (stat && record.how == How::Moved && !same_object(sys::id_of(*stat), record.id)) return fail(ENOENT);
  return stat;
}

void Restorer::put_back(const Record& record) {
  const std::string_view what = word_for(record.metadata.mode);
  const std::string kept = vault_path(record);
  const Found now = look(record.path);
  auto stat = in_vault(record);
  const bool moved = record.how == How::Moved;
  if (is(now, record.id)) return tell(record.path, what, Done::Already);
  if (!stat) {
    return tell(record.path, what, Done::Conflict,
                "it is not in the vault any more (restored and moved since, or pruned)");
  }
  if (!moved && now.there && is_same_as_copy(record, now)) return tell(record.path, what, Done::Already);
  if (!folders_above(record.path)) return no_folder(record.path, what);
  if (!make_way(record.path, now, what)) return;
  if (dry()) {
    plan_.put(record.path, Found{true, record.id, *stat}, moved ? kept : "");
  } else if (auto status = moved ? move_out(record, kept) : copy_out(record, kept); !status) {
    return failed(record.path, what, status.error());
  }
  tell(record.path, what, Done::Restored, doubt_of(record));
}

std::string Restorer::doubt_of(const Record& record) {
  return record.written ? "the agent had it open for writing" : "";
}

bool Restorer::is_same_as_copy(const Record& record, const Found& now) {
  if (S_ISDIR(now.stat.stx_mode) || (now.stat.stx_mode & S_IFMT) != (record.metadata.mode & S_IFMT)) return false;
  auto host = spot(record.path);
  if (!S_ISREG(now.stat.stx_mode)) {
    auto kept = sys::openat(AT_FDCWD, vault_path(record).c_str(), O_PATH | O_NOFOLLOW);
    auto stat = kept ? sys::statx(kept->get(), "") : Result<struct statx>(fail(ENOENT));
    if (!host || !stat || (stat->stx_mode & S_IFMT) != (now.stat.stx_mode & S_IFMT)) return false;
    if (S_ISLNK(now.stat.stx_mode)) {
      const auto is = sys::readlinkat(host->folder, host->name.c_str());
      const auto was = sys::readlinkat(kept->get(), "");
      return is && was && *is == *was;
    }
    return stat->stx_rdev_major == now.stat.stx_rdev_major && stat->stx_rdev_minor == now.stat.stx_rdev_minor;
  }
  auto a = host ? sys::openat(host->folder, host->name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
                : Result<UniqueFd>(fail(ENOENT));
  auto b = sys::openat(AT_FDCWD, vault_path(record).c_str(), O_RDONLY | O_NOFOLLOW);
  return a && b && now.stat.stx_size == record.size && compare_content(a->get(), b->get()).has_value();
}

Status Restorer::move_out(const Record& record, const std::string& kept) {
  auto from = folder(folder_of(kept));
  if (!from) return pass(std::move(from));
  const int source = *from;
  auto to = folder(folder_of(record.path));
  if (!to) return pass(std::move(to));
  if (auto status = note_times_of(folder_of(record.path)); !status) return status;
  Record placed = placed_record(record);
  if (auto status = note(placed); !status) return status;
  const int code = rename_noreplace(source, last_name(kept).c_str(), *to, last_name(record.path).c_str());
  if (code != 0) {
    vault_->did_not_happen(placed);
    return fail(code, fmt::format("cannot put it back: {} ({})", ::strerrordesc_np(code), ::strerrorname_np(code)));
  }
  step();
  return {};
}

Record Restorer::placed_record(const Record& record) const {
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
  placed.refers = record.order;
  return placed;
}

unsigned Restorer::own_store(unsigned number) const {
  unsigned own = 0;
  for (const auto& [each, path] : stores_) {
    if (each == number) return own;
    ++own;
  }
  return 0;
}

// A new object, made beside its place under a name of ours, then named as it was.
Status Restorer::copy_out(const Record& record, const std::string& kept) {
  auto object = sys::openat(AT_FDCWD, kept.c_str(), O_PATH | O_NOFOLLOW);
  if (!object) return pass(std::move(object));
  auto stat = sys::statx(object->get(), "");
  if (!stat) return pass(std::move(stat));
  // Nobody writes to a copy once it was made: a disk or somebody else has lost some of it.
  if (S_ISREG(record.metadata.mode) && (!S_ISREG(stat->stx_mode) || stat->stx_size != record.size))
    return fail(EBADMSG, "its copy in the vault is damaged");
  auto to = folder(folder_of(record.path));
  if (!to) return pass(std::move(to));
  if (auto status = note_times_of(folder_of(record.path)); !status) return status;
  const std::string stage = fmt::format(".assent-{}-{}", options_.new_transaction, ++step_number_);
  auto copied = copy_object(object->get(), *stat, *to, stage.c_str());
  if (!copied) return pass(std::move(copied));
  step();
  const auto fail_with = [&](Error error) -> Status {
    if (error.code != ESTALE) ::unlinkat(*to, stage.c_str(), 0);  // our own copy; else somebody put another one there
    return fail(error.code, std::move(error.what));
  };
  auto made = sys::openat(*to, stage.c_str(), O_PATH | O_NOFOLLOW);
  if (!made) return fail_with(made.error());
  if (auto status = apply_metadata(made->get(), record.metadata); !status) return fail_with(status.error());
  auto made_stat = sys::statx(made->get(), "");
  if (!made_stat) return fail_with(made_stat.error());
  Record placed = placed_record(record);
  placed.id = sys::id_of(*made_stat);
  placed.other_id = record.id;
  placed.how = How::Copied;
  if (auto status = note(placed); !status) return fail_with(status.error());
  if (const int code = rename_exactly(placed.id, *to, stage.c_str(), *to, last_name(record.path).c_str()); code != 0) {
    vault_->did_not_happen(placed);
    return fail_with(Error{code, "rename"});
  }
  remade_[record.id] = placed.id;
  step();
  return {};
}

void Restorer::make_folder(const Record& record) {
  const Found now = look(record.path);
  const bool passing = is_only_passed_through(record);
  if (now.there && S_ISDIR(now.stat.stx_mode)) {
    const bool ours = is(now, record.id);  // an earlier restore has made it
    remade_[record.id] = now.id;
    if (passing) return;
    if (told_folders_.insert(record.path).second) take_over_folder(record, now, ours);
    return;
  }
  if (now.there && !moving_.empty()) {  // what has its place goes when nothing else moves
    finish_moves();
    return make_folder(record);
  }
  if (!folders_above(record.path)) return no_folder(record.path, "folder");
  if (!make_way(record.path, now, "folder")) return;
  told_folders_.insert(record.path);
  if (dry()) {
    Found planned{true, record.id, {}};
    planned.stat.stx_mode = static_cast<__u16>(record.metadata.mode);
    plan_.put(record.path, planned, "");
    if (passing) return;
    return tell(record.path, "folder", Done::Restored);
  }
  auto parent = folder(folder_of(record.path));
  if (!parent) return failed(record.path, "folder", parent.error());
  const std::string name = last_name(record.path);
  if (auto status = note_times_of(folder_of(record.path)); !status)
    return failed(record.path, "folder", status.error());
  // Under a name of ours until its line is written: by that it is known again, should we be killed.
  const std::string stage = fmt::format(".assent-{}-{}", options_.new_transaction, ++step_number_);
  if (::mkdirat(*parent, stage.c_str(), 0700) != 0) return failed(record.path, "folder", Error{errno, "mkdir"});
  step();
  auto made = sys::openat(*parent, stage.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  auto stat = made ? sys::statx(made->get(), "") : Result<struct statx>(fail(ENOENT));
  if (!stat) return failed(record.path, "folder", stat.error());
  Record line;
  line.kind = Kind::Made;
  line.sequence = record.sequence;
  line.path = record.path;
  line.id = sys::id_of(*stat);
  line.other_id = record.id;
  line.metadata = record.metadata;
  if (auto status = note(line); !status) {
    ::unlinkat(*parent, stage.c_str(), AT_REMOVEDIR);
    return failed(record.path, "folder", status.error());
  }
  if (const int code = rename_exactly(line.id, *parent, stage.c_str(), *parent, name.c_str()); code != 0) {
    vault_->did_not_happen(line);
    ::unlinkat(*parent, stage.c_str(), AT_REMOVEDIR);
    return failed(record.path, "folder", Error{code, "rename"});
  }
  step();
  remade_[record.id] = line.id;
  // What is put into it needs our own rights; the mode it had comes at the end, with the times.
  last_touches_[record.path] = {record.metadata, Touch::Everything, line.id};
  if (passing) {
    passed_through_[record.path] = line.id;
    anew_.insert(line.id);
    return;
  }
  tell(record.path, "folder", Done::Restored);
}

// A folder of the agent's stands where one was removed: it stays, what comes back goes into it, and it is as the old
// one was; so does one that a restore has made before this one. Somebody else's keeps what it is.
void Restorer::take_over_folder(const Record& record, const Found& now, bool ours) {
  if (!ours && !is_agents(now)) return tell(record.path, "folder", Done::Already);
  if (dry() && plan_.real_path(record.path).empty()) return tell(record.path, "folder", Done::Restored);
  auto object = pin(record.path, now);
  if (!object) return failed(record.path, "folder", object.error());
  auto current = read_metadata(object->get(), now.stat);
  Metadata wanted = record.metadata;
  if (ours && current) wanted.mtime = current->mtime;  // times of folders have lines of their own
  if (current && as_it_was(*current, wanted)) return tell(record.path, "folder", Done::Already);
  if (!dry()) {
    if (auto status = note_metadata(record.path, now); !status) return failed(record.path, "folder", status.error());
    last_touches_[record.path] = {record.metadata, Touch::Everything, now.id};
  }
  tell(record.path, "folder", Done::Restored);
}

void Restorer::give_content_back(const Record& record) {
  const Found now = look(record.path);
  if (now.unseen) return tell(record.path, "content", Done::Restored, kUnseen);
  const std::string kept = vault_path(record);
  if (!is(now, record.id)) {
    // Somebody took the object away; its content comes back as a new one.
    if (now.there && is_same_as_copy(record, now)) return tell(record.path, "content", Done::Already);
    if (!folders_above(record.path)) return no_folder(record.path, "content");
    if (!make_way(record.path, now, "content")) return;
    if (dry()) {
      plan_.put(record.path, Found{true, record.id, now.stat}, "");
    } else if (auto status = copy_out(record, kept); !status) {
      return failed(record.path, "content", status.error());
    }
    return tell(record.path, "content", Done::Restored);
  }
  if (dry() && plan_.real_path(record.path).empty()) return tell(record.path, "content", Done::Restored);
  auto object = pin(record.path, now);
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
  if (same && metadata && as_it_was(*metadata, record.metadata)) return tell(record.path, "content", Done::Already);
  if (!same && changed_since(now.stat) && !begun_.contains(now.id)) {
    return tell(record.path, "content", Done::Conflict, "it was changed after the session");
  }
  if (dry()) return tell(record.path, "content", Done::Restored);
  if (auto status = note_waiting(); !status) return failed(record.path, "content", status.error());
  if (same) {
    if (auto status = note_metadata(record.path, now); !status) return failed(record.path, "content", status.error());
  } else if (auto status = vault_->keep_content(object->get(), target_of(record.path, now), record.sequence); !status) {
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

}  // namespace assent::undo
