// Room for what comes back: the folders above it, and what has its name now.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"
#include "undo/restorer.h"

namespace assent::undo {

namespace {

constexpr int kMostDepth = 256;

}  // namespace

bool Restorer::folders_above(const std::string& path) {
  const std::string above = folder_of(path);
  if (above == "/") return true;
  const Found now = look(above);
  const auto passage = passages_.find(above);
  // Another folder of the agent's there stands for the one that is gone: it goes back with what is in it.
  const bool stands_in = passage != passages_.end() && is_agents(now);
  if (now.unseen || (now.there && S_ISDIR(now.stat.stx_mode) && !stands_in)) return true;
  const auto removed = folders_.find(above);
  if (passage == passages_.end() && (removed == folders_.end() || now.there)) return false;
  Record missing = passage != passages_.end() ? *passage->second : *removed->second;
  missing.path = above;
  passages_.erase(above);
  const std::uint64_t before = begin_line(missing.order);
  make_folder(missing);
  begin_line(before);
  const Found made = look(above);
  return made.there && S_ISDIR(made.stat.stx_mode);
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

// It is made only where something has to go through it.
void Restorer::remember_passage(const Record& folder) {
  const Found now = look(folder.path);
  if (!is(now, folder.id)) {
    passages_[folder.path] = &folder;
  } else if (anew_.contains(now.id)) {  // by a restore that was killed
    passed_through_[folder.path] = now.id;
  }
}

// A folder goes with everything in it.
Status Restorer::put_aside(const std::string& path, const Found& found) {
  if (S_ISDIR(found.stat.stx_mode)) {
    auto names = names_in(path);
    if (!names && !(dry() && names.error().code == EACCES)) return pass(std::move(names));
    for (const auto& name : names.value_or(std::vector<std::string>())) {
      const std::string child = path + "/" + name;
      if (auto status = put_aside(child, look(child)); !status) return status;
    }
    open_.erase(path);
  }
  if (dry()) {
    plan_.remove(path);
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
  const std::string real = dry() ? plan_.real_path(path) : path;
  std::vector<std::string> out;
  if (!real.empty()) {
    auto parent = folder(real);
    if (!parent) return pass(std::move(parent));
    auto entries = entries_of(*parent);
    if (!entries) return pass(std::move(entries));
    for (auto& entry : *entries) out.push_back(std::move(entry.name));
  }
  if (dry()) plan_.correct(path, out);
  return out;
}

// A folder that its owner may not enter would keep its place, or what is in it. The mode it had comes back at the end.
bool Restorer::enter(const std::string& path, const Found& folder, mode_t rights) {
  const bool shut = S_ISDIR(folder.stat.stx_mode) && (folder.stat.stx_mode & rights) != rights;
  if (dry() || !shut || ::geteuid() == 0 || folder.stat.stx_uid != ::geteuid()) return false;
  auto object = pin(path, folder);
  if (!object || !note_metadata(path, folder)) return false;
  const auto known = last_touches_.find(path);
  if (known == last_touches_.end() || !(known->second.id == folder.id)) {
    auto metadata = read_metadata(object->get(), folder.stat);
    if (!metadata) return false;
    last_touches_[path] = {std::move(*metadata), Touch::Everything, folder.id};
  }
  if (::chmod(ObjectPath(object->get()).c_str(), (folder.stat.stx_mode & 07777) | rights) != 0) return false;
  step();
  return true;
}

// Down to `path`.
bool Restorer::enter_all(const std::string& path) {
  bool entered = false;
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    auto at = spot(part);
    auto stat = at ? sys::statx(at->folder, at->name.c_str()) : Result<struct statx>(fail(ENOENT));
    if (!stat) return entered;
    if (enter(part, Found{true, sys::id_of(*stat), *stat}, S_IXUSR)) entered = true;
    if (end == std::string::npos) return entered;
  }
}

std::string Restorer::stays(const std::string& path, const Found& found) const {
  if (is_agents_name(path, found)) return {};
  std::int64_t until = ended_;
  if (!is_agents(found)) {
    const auto later = options_.made_later ? options_.made_later(found.id) : std::nullopt;
    if (!later) return "is not the agent's";
    until = *later;
  }
  return !S_ISDIR(found.stat.stx_mode) && changed_since(found.stat, until) ? "was changed after the session" : "";
}

std::string Restorer::in_the_way_within(const std::string& path, const Found& folder, int depth) {
  if (depth == 0) return "the agent's folder in its place is too deep";
  (void)enter(path, folder, S_IRWXU);
  auto names = names_in(path);
  if (!names && dry() && names.error().code == EACCES) return {};
  if (!names) return "the agent's folder in its place cannot be read";
  for (const auto& name : *names) {
    const std::string child = path + "/" + name;
    const Found found = look(child);
    if (!found.there) continue;
    if (const auto why = stays(child, found); !why.empty())
      return fmt::format("a folder has its place now, and {} in it {}", show(child), why);
    if (!S_ISDIR(found.stat.stx_mode)) continue;
    if (auto why = in_the_way_within(child, found, depth - 1); !why.empty()) return why;
  }
  return {};
}

bool Restorer::make_way(const std::string& path, const Found& found, std::string_view what) {
  if (!found.there || found.unseen) return true;
  std::string why = stays(path, found);
  if (!why.empty()) {
    why = fmt::format("another {} has its place now, which {}", word_for(found.stat.stx_mode), why);
  } else if (S_ISDIR(found.stat.stx_mode)) {
    why = in_the_way_within(path, found, kMostDepth);
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

// Folders of the agent's came back only because something had to go through them.
void Restorer::remove_passed_through() {
  for (auto at = passed_through_.rbegin(); at != passed_through_.rend(); ++at) {  // what lies deepest first
    const Found now = look(at->first);
    if (!now.there || !(now.id == at->second)) continue;
    if (auto names = names_in(at->first); !names || !names->empty()) continue;
    last_touches_.erase(at->first);
    (void)put_aside(at->first, now).has_value();
  }
}

}  // namespace assent::undo
