#include "session/git_traces.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace assent::session {

namespace {

using resolve::Whose;

constexpr std::size_t kMostFolders = 4096;

std::string_view parent_of(std::string_view path) { return path.substr(0, path.rfind('/')); }
std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void GitTraces::add(std::string_view folder, Whose whose) {
  fresh_ = true;
  if (const auto at = folders_.find(folder); at != folders_.end()) {
    if (whose == Whose::Session) at->second = whose;
  } else if (folders_.size() < kMostFolders) {
    folders_.emplace(folder, whose);
  } else {
    all_ = false;
  }
}

// A repository is there from when its HEAD is, or the .git that leads to it.
void GitTraces::note(const FileSubject& part) {
  const std::string_view path = part.path;
  const std::string_view name = name_of(path);
  constexpr std::size_t kLongest = 22;
  if (name.size() < 4 || name.size() > kLongest) return;
  const Whose maker = part.operation == Operation::Create ? Whose::Session : Whose::User;
  if (name == ".git") return add(path, Whose::Session);
  if (name == "HEAD" || name == "commondir") return add(parent_of(path), maker);
  if (name == "config" || name == "config.worktree" || name == "hooks" || name == "rebase-merge" || name == "sequencer")
    return add(parent_of(path), Whose::User);
  if (name == "git-rebase-todo" || name == "todo") return add(parent_of(parent_of(path)), Whose::User);
  if (name_of(parent_of(path)) == "hooks" && resolve::is_git_hook(name))
    return add(parent_of(parent_of(path)), Whose::User);
}

void GitTraces::moved(const std::string& from, const std::string& to) {
  std::vector<std::pair<std::string, Whose>> there;
  const auto take = [&](const std::string& old, const std::string& now) {
    for (auto at = folders_.lower_bound(old); at != folders_.end() && at->first.starts_with(old);) {
      if (at->first.size() != old.size() && at->first[old.size()] != '/') {
        ++at;
        continue;
      }
      there.emplace_back(now + at->first.substr(old.size()), at->second);
      at = folders_.erase(at);
    }
  };
  take(from, to);
  take(to, from);  // exchanged, or gone
  for (const auto& [folder, whose] : there) add(folder, whose);
}

void GitTraces::changed(const std::vector<FileSubject>& parts) {
  any_ = true;
  if (parts.size() == 2 && parts[0].operation == Operation::Rename && parts[0].type == FileType::Directory &&
      !folders_.empty()) {
    moved(parts[0].path, parts[1].path);
  }
  for (const auto& part : parts) note(part);
}

GitTraces::Found GitTraces::look(std::function<bool(const FileId&)> is_changed, const std::string& home) {
  fresh_ = false;
  Found out;
  if (!any_) return out;
  resolve::GitLook look;
  look.changed = std::move(is_changed);
  look.home = home;
  // What its configuration leads to may lie among the ordinary files: hooks, settings that it includes.
  const std::string own = project_ + "/.git";
  if (!folders_.contains(own)) resolve::find_git_programs(own, Whose::User, look);
  for (const auto& [folder, whose] : folders_) resolve::find_git_programs(folder, whose, look);
  out.programs = std::move(look.found);
  const auto key = [](const resolve::GitProgram& each) { return std::tie(each.file, each.what, each.value); };
  std::ranges::sort(out.programs, {}, key);
  const auto rest = std::ranges::unique(out.programs, {}, key);
  out.programs.erase(rest.begin(), rest.end());
  out.complete = all_ && look.complete;
  return out;
}

}  // namespace assent::session
