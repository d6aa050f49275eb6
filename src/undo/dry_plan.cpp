#include "undo/dry_plan.h"

#include <algorithm>
#include <utility>

namespace assent::undo {

const Found* DryPlan::find(const std::string& path) const {
  const auto entry = entries_.find(path);
  return entry == entries_.end() ? nullptr : &entry->second.found;
}

std::string DryPlan::real_path(const std::string& path) const {
  for (std::size_t end = path.size(); end != std::string::npos && end > 0; end = path.rfind('/', end - 1)) {
    const auto entry = entries_.find(path.substr(0, end));
    if (entry == entries_.end()) continue;
    if (!entry->second.found.there || entry->second.real.empty()) return {};
    return entry->second.real + path.substr(end);
  }
  return path;
}

void DryPlan::correct(const std::string& path, std::vector<std::string>& names) const {
  const std::string within = path + "/";
  for (auto at = entries_.lower_bound(within); at != entries_.end() && at->first.starts_with(within); ++at) {
    std::string name = at->first.substr(within.size());
    if (name.find('/') != std::string::npos) continue;
    std::erase(names, name);
    if (at->second.found.there) names.push_back(std::move(name));
  }
}

void DryPlan::put(const std::string& path, const Found& found, std::string real) {
  entries_.erase_below(path);
  entries_[path] = {found, std::move(real)};
}

void DryPlan::remove(const std::string& path) { put(path, Found{}, {}); }

void DryPlan::move(const std::string& from, const std::string& to, const Found& what) {
  std::string real = real_path(from);
  entries_.erase_below(to);
  entries_.moved(from, to, Ways::One);
  entries_[to] = {what, std::move(real)};
  entries_[from] = {};
}

void DryPlan::swap(const std::string& one, const Found& at_one, const std::string& two, const Found& at_two) {
  std::string real_one = real_path(one);
  std::string real_two = real_path(two);
  entries_.moved(one, two, Ways::Both);
  entries_[one] = {at_two, std::move(real_two)};
  entries_[two] = {at_one, std::move(real_one)};
}

}  // namespace assent::undo
