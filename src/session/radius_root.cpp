#include "session/radius_root.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "approve/scopes.h"

namespace assent::session {

namespace {

// "a/./b/../c//" below "/w" → "/w/a/c". By spelling only: a symbolic link in it makes it name another tree, which then
// does not hold the object and is passed over.
std::string absolute(std::string_view word, std::string_view cwd) {
  std::vector<std::string_view> parts;
  const auto add = [&parts](std::string_view text) {
    while (!text.empty()) {
      const auto slash = text.find('/');
      const auto part = text.substr(0, slash);
      text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        if (!parts.empty()) parts.pop_back();
      } else {
        parts.push_back(part);
      }
    }
  };
  if (word.empty() || word.front() != '/') add(cwd);
  add(word);
  std::string out;
  for (const auto part : parts) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? path.substr(0, 1) : path.substr(0, slash);
}

bool strictly_below(std::string_view path, std::string_view folder) {
  return path != folder && approve::lies_below(path, folder);
}

// Names inside a script: python3 -c "shutil.rmtree('data')".
std::vector<std::string> names_in(std::string_view script, std::string_view cwd) {
  constexpr std::size_t kMost = 200;
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == '/' || (static_cast<unsigned char>(c) & 0x80) != 0;
  };
  std::vector<std::string> out;
  for (std::size_t at = 0; at < script.size() && out.size() < kMost;) {
    std::size_t end = at;
    while (end < script.size() && is_part(script[end])) ++end;
    if (end > at) out.push_back(absolute(script.substr(at, end - at), cwd));
    at = end + 1;
  }
  return out;
}

bool is_git(const Process& process) {
  if (process.argv.empty()) return false;
  const std::string& name = process.argv[0];
  return name.substr(name.rfind('/') + 1) == "git";
}

std::string by_hints(const Process& process, std::string_view path, const TreeHints& hints) {
  std::string best;
  const auto consider = [&](std::string candidate) {
    if (!strictly_below(path, candidate) || !approve::lies_below(candidate, hints.project)) return;
    if (best.empty() || candidate.size() < best.size()) best = std::move(candidate);
  };
  if (is_git(process)) {
    if (std::ranges::find(process.argv, "clean") != process.argv.end()) consider(process.cwd);
    // A branch is a file in refs and one in logs, and one thing.
    const auto own = path.find("/.git/");
    if (own != std::string_view::npos) consider(std::string(path.substr(0, own + 5)));
  }
  // Whatever else is named or open, the whole project is not what a script means by it.
  const auto consider_below = [&](std::string candidate) {
    if (strictly_below(candidate, hints.project)) consider(std::move(candidate));
  };
  for (std::size_t i = 1; i < process.argv.size(); ++i) {
    for (auto& name : names_in(process.argv[i], process.cwd)) consider_below(std::move(name));
  }
  for (const auto& folder : hints.open_folders) consider_below(folder);
  if (!best.empty() || hints.answered.empty()) return best;
  std::string_view common = folder_of(path);
  while (common.size() > 1 && !approve::lies_below(hints.answered, common)) common = folder_of(common);
  consider(std::string(common));
  return best;
}

}  // namespace

std::vector<std::string> open_folders(pid_t pid) {
  constexpr std::size_t kMost = 256;
  std::vector<std::string> out;
  std::error_code error;
  std::size_t seen = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error);
       !error && at != std::filesystem::directory_iterator() && seen < kMost; at.increment(error), ++seen) {
    std::error_code unreadable;
    auto folder = std::filesystem::read_symlink(at->path(), unreadable).string();
    if (!unreadable && folder.starts_with('/')) out.push_back(std::move(folder));
  }
  return out;
}

std::string radius_root(const Process& process, std::string_view path, const TreeHints& hints) {
  std::string best;
  for (std::size_t i = 1; i < process.argv.size(); ++i) {
    const std::string& word = process.argv[i];
    if (word.empty() || word[0] == '-') continue;
    std::string candidate = absolute(word, process.cwd);
    // The widest operand that holds it: deleting works its way through all of that.
    if (approve::lies_below(path, candidate) && (best.empty() || candidate.size() < best.size()))
      best = std::move(candidate);
  }
  if (best.empty() && !hints.project.empty()) best = by_hints(process, path, hints);
  return best.empty() ? std::string(path) : best;
}

}  // namespace assent::session
