#include "decide/protect.h"

#include <algorithm>

namespace assent::decide {

namespace {

bool has_own_name(std::string_view path) {
  constexpr std::string_view kStart = "/.assent";
  for (auto at = path.find(kStart); at != std::string_view::npos; at = path.find(kStart, at + 1)) {
    auto rest = path.substr(at + kStart.size());
    if (rest.starts_with('-')) return true;
    if (rest.substr(0, rest.find('/')) == ".toml") return true;
  }
  return false;
}

}  // namespace

bool within(std::string_view path, std::string_view folder) {
  if (folder == "/") return path.starts_with('/');
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool Protected::forbids(Operation operation, std::string_view path) const {
  const bool moves_what_is_below = operation == Operation::Rename || operation == Operation::Delete;
  for (const std::string& folder : folders_) {
    if (within(path, folder) || (moves_what_is_below && within(folder, path))) return true;
  }
  return has_own_name(path);
}

bool Protected::touches(std::string_view folder) const {
  return has_own_name(folder) || std::any_of(folders_.begin(), folders_.end(), [folder](const std::string& own) {
           return within(own, folder) || within(folder, own);
         });
}

}  // namespace assent::decide
