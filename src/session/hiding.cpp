#include "session/hiding.h"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "approve/scopes.h"
#include "base/show.h"
#include "base/sys.h"

namespace assent::session {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::seconds(1);
constexpr int kDeepest = 512;  // descriptors held at once; nothing of use lies deeper

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

bool below_any(const std::string& path, const std::vector<std::string>& folders) {
  return std::ranges::any_of(folders, [&](const std::string& folder) { return approve::lies_below(path, folder); });
}

// Calls `found` for each hidden path below `folder`; does not look into those. False: out of time.
class Search {
 public:
  Search(const decide::Policy& policy, Clock::time_point until, std::function<void(const std::string&)> found)
      : policy_(policy), until_(until), found_(std::move(found)) {}

  bool below(int parent, const std::string& name, const std::string& path, int depth, int levels) {
    if (depth > kDeepest || Clock::now() > until_) return false;
    auto opened = sys::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
    if (!opened) return true;  // what we may not list, the agent may not either: it has our rights
    const std::unique_ptr<DIR, CloseDirectory> entries(::fdopendir(opened->get()));
    if (!entries) return false;
    (void)opened->release();
    while (const dirent* entry = ::readdir(entries.get())) {
      const std::string_view child = entry->d_name;
      if (child == "." || child == "..") continue;
      const std::string child_path = (path == "/" ? "" : path) + "/" + std::string(child);
      if (policy_.hidden(child_path)) {
        found_(child_path);
      } else if (levels > 1 && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)) {
        if (!below(::dirfd(entries.get()), std::string(child), child_path, depth + 1, levels - 1)) return false;
      }
    }
    return true;
  }

 private:
  const decide::Policy& policy_;
  Clock::time_point until_;
  std::function<void(const std::string&)> found_;
};

// The folder that every match lies below: the components before the first wild card.
std::string fixed_part(const std::string& pattern) {
  const auto wild = pattern.find_first_of("*?[{");
  const auto slash = pattern.rfind('/', wild);
  return slash == 0 ? "/" : pattern.substr(0, slash);
}

}  // namespace

Hiding find_hidden(const decide::Policy& policy, const std::vector<std::string>& own) {
  Hiding out;
  std::vector<std::string> gated;
  for (const auto& folder : policy.settings().gated) gated.push_back(folder.path);
  const auto until = Clock::now() + kPatience;
  const auto place = [&](const std::string& path) {
    (below_any(path, gated) ? out.masked : out.absent).push_back(path);
  };

  bool look_into_gated = false;
  for (const auto& path : own) {
    if (!below_any(path, gated))
      out.absent.push_back(path);
    else if (sys::statx(AT_FDCWD, path.c_str()))
      out.masked.push_back(path);
  }
  for (const auto& hide : policy.settings().hide) {
    if (!hide.plain.empty()) {
      if (!below_any(hide.plain, gated))
        out.absent.push_back(hide.plain);
      else
        look_into_gated = true;
      continue;
    }
    const std::string expanded = decide::expand(hide.text, policy.places()).value_or(hide.text);
    const bool any_depth = expanded.empty() || expanded.front() != '/';
    const std::string base = any_depth ? "/" : fixed_part(expanded);
    const bool reaches_gated = std::ranges::any_of(gated, [&](const std::string& folder) {
      return approve::lies_below(folder, base) || approve::lies_below(base, folder);
    });
    look_into_gated |= reaches_gated;
    if (below_any(base, gated)) continue;
    if (any_depth || expanded.find("**") != std::string::npos) {
      out.notes.push_back(fmt::format("hide \"{}\" holds inside the gated folders only; name the folders outside them",
                                      show(hide.text)));
      continue;
    }
    const auto levels =
        std::count(expanded.begin() + static_cast<std::ptrdiff_t>(base == "/" ? 0 : base.size()), expanded.end(), '/');
    Search search(policy, until, [&](const std::string& path) {
      if (!below_any(path, gated)) out.absent.push_back(path);
    });
    if (!search.below(AT_FDCWD, base, base, 0, static_cast<int>(levels))) {
      out.notes.push_back(
          fmt::format("looking for hide \"{}\" took too long: not all of it may be hidden", show(hide.text)));
    }
  }
  if (look_into_gated) {
    for (const auto& folder : gated) {
      Search search(policy, until, place);
      if (!search.below(AT_FDCWD, folder, folder, 0, kDeepest)) {
        out.gate_reads = true;
        out.notes.push_back(
            fmt::format("looking for hidden files below {} took too long: reading there is gated", show(folder)));
      }
    }
  }
  out.gate_reads |= !out.masked.empty();
  return out;
}

}  // namespace assent::session
