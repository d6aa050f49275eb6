#include "resolve/git_programs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/sys.h"
#include "resolve/git_config.h"

namespace assent::resolve {
namespace {

constexpr std::size_t kMostFound = 1000;
constexpr std::size_t kLongestWords = 1000;  // of what is told
constexpr int kDeepestInclude = 10;          // as git
constexpr int kMostPointers = 4;             // .git file → folder → common folder

constexpr std::array<std::string_view, 28> kHooks = {
    "applypatch-msg",     "pre-applypatch",     "post-applypatch",       "pre-commit",       "pre-merge-commit",
    "prepare-commit-msg", "commit-msg",         "post-commit",           "pre-rebase",       "post-checkout",
    "post-merge",         "pre-push",           "pre-receive",           "update",           "proc-receive",
    "post-receive",       "post-update",        "reference-transaction", "push-to-checkout", "pre-auto-gc",
    "post-rewrite",       "sendemail-validate", "fsmonitor-watchman",    "p4-changelist",    "p4-prepare-changelist",
    "p4-post-changelist", "p4-pre-submit",      "post-index-change"};

struct Small {
  std::string text;
  FileId id;
};

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string join(const std::string& folder, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::optional<Small> read_small(const std::string& path, GitLook& look) {
  if (!look.complete) return std::nullopt;
  auto file = sys::open_regular(AT_FDCWD, path.c_str());
  if (!file) return std::nullopt;
  auto stat = sys::statx(file->get(), "");
  if (!stat) return std::nullopt;
  if (look.files == 0 || stat->stx_size > look.bytes) {  // half a file says nothing about the rest of it
    look.complete = false;
    return std::nullopt;
  }
  --look.files;
  look.bytes -= stat->stx_size;
  Small out{std::string(stat->stx_size, '\0'), sys::id_of(*stat)};
  const ssize_t got = ::pread(file->get(), out.text.data(), out.text.size(), 0);
  out.text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

void note(GitLook& look, std::string_view what, std::string_view value, const std::string& file) {
  if (look.found.size() == kMostFound) {
    look.complete = false;
    return;
  }
  look.found.push_back({std::string(what.substr(0, kLongestWords)), std::string(value.substr(0, kLongestWords)), file});
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string first_line(const std::string& text) { return text.substr(0, text.find_first_of("\r\n")); }

class Repository {
 public:
  Repository(std::string folder, std::string top, Whose whose, GitLook& look)
      : folder_(std::move(folder)), top_(std::move(top)), whose_(whose), shared_whose_(whose), look_(look) {}

  void find() {
    if (!is_there(folder_ + "/HEAD")) return;
    shared_ = folder_;
    if (auto pointer = read_small(folder_ + "/commondir", look_)) {
      shared_ = join(folder_, first_line(pointer->text));
      if (shared_.ends_with('/')) shared_.pop_back();
      // A worktree that the session added to a repository of the user's does not make that one the session's.
      if (parent_of(folder_) == shared_ + "/worktrees") shared_whose_ = Whose::User;
    } else if (!is_there(folder_ + "/objects")) {
      return;
    }
    settings(shared_ + "/config", shared_whose_, 0);
    settings(folder_ + "/config.worktree", whose_, 0);
    hooks();
    for (const char* todo : {"/rebase-merge/git-rebase-todo", "/sequencer/todo"}) rebase(folder_ + todo);
  }

 private:
  [[nodiscard]] bool counts(const FileId& id, Whose whose) const {
    return whose == Whose::Session || look_.changed(id);
  }

  void settings(const std::string& file, Whose whose, int depth) {
    auto text = read_small(file, look_);
    if (!text) return;
    const bool told = counts(text->id, whose);
    each_git_setting(text->text, [&](const GitSetting& setting) {
      if (is_include(setting)) {
        const std::string place = setting.value.starts_with("~/") ? look_.home + setting.value.substr(1)
                                                                  : join(parent_of(file), setting.value);
        if (depth < kDeepestInclude && is_there(place)) {
          settings(place, told ? Whose::Session : whose, depth + 1);
        } else if (told) {  // what comes to lie there decides
          note(look_, setting.name(), setting.value, file);
        }
        return look_.complete;
      }
      // Where to, though the user said so: what lies there may be the session's.
      if (setting.section == "core" && setting.key == "worktree" && !setting.bare) top_ = join(folder_, setting.value);
      if (setting.section == "core" && setting.key == "hookspath" && !setting.bare) hooks_path_ = setting.value;
      if (told && names_program(setting)) note(look_, setting.name(), setting.value, file);
      return look_.complete;
    });
  }

  void hooks() {
    std::string folder = shared_ + "/hooks";
    if (hooks_path_.starts_with("~/")) {
      folder = look_.home + hooks_path_.substr(1);
    } else if (!hooks_path_.empty()) {
      folder = join(top_, hooks_path_);
    }
    for (const std::string_view name : kHooks) {
      if (!look_.complete) return;
      const std::string file = join(folder, name);
      auto stat = sys::statx(AT_FDCWD, file.c_str(), 0);
      if (!stat || !S_ISREG(stat->stx_mode) || (stat->stx_mode & 0111) == 0) continue;  // git passes it over
      auto itself = sys::statx(AT_FDCWD, file.c_str());
      if (!counts(sys::id_of(*stat), shared_whose_) && !(itself && counts(sys::id_of(*itself), shared_whose_)))
        continue;
      note(look_, "hook " + std::string(name), {}, file);
    }
  }

  void rebase(const std::string& file) {
    auto text = read_small(file, look_);
    if (!text || !counts(text->id, whose_)) return;
    for (std::size_t at = 0; at < text->text.size();) {
      const std::size_t end = std::min(text->text.find('\n', at), text->text.size());
      std::string_view line = std::string_view(text->text).substr(at, end - at);
      at = end + 1;
      const auto start = line.find_first_not_of(" \t\r");
      if (start == std::string_view::npos) continue;
      line.remove_prefix(start);
      const auto blank = line.find_first_of(" \t");
      const std::string_view word = line.substr(0, blank);
      if ((word == "exec" || word == "x") && blank != std::string_view::npos)
        note(look_, "rebase", line.substr(blank + 1), file);
    }
  }

  std::string folder_;
  std::string top_;     // where relative hook folders begin
  std::string shared_;  // what worktrees have in common
  Whose whose_;
  Whose shared_whose_;
  GitLook& look_;
  std::string hooks_path_;
};

}  // namespace

bool is_git_hook(std::string_view name) { return std::ranges::find(kHooks, name) != kHooks.end(); }

void find_git_programs(const std::string& folder, Whose whose, GitLook& look) {
  std::string place = folder;
  for (int i = 0; i < kMostPointers; ++i) {
    auto file = read_small(place, look);
    constexpr std::string_view kWord = "gitdir: ";
    if (!file || !file->text.starts_with(kWord)) break;
    if (look.changed(file->id)) whose = Whose::Session;
    const std::string line = first_line(file->text);
    place = join(parent_of(place), std::string_view(line).substr(kWord.size()));
    if (place.ends_with('/')) place.pop_back();
  }
  const bool has_top = place != folder || folder.ends_with("/.git");
  Repository(place, has_top ? parent_of(folder) : folder, whose, look).find();
}

}  // namespace assent::resolve
