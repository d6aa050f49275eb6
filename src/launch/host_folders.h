// The host's folders as the plan of the mounts looks at them, and paths by their spelling. Reads names only, changes
// nothing.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "assent/result.h"

namespace assent::launch {

// By spelling only. Paths are absolute, without "." and "..", without a slash at the end.
std::string parent_of(const std::string& path);
std::string join(const std::string& folder, std::string_view name);
bool beneath(const std::string& path, const std::string& folder);  // strictly
bool at_or_beneath(const std::string& path, const std::string& folder);
bool well_formed(const std::string& path);

// The name without symbolic links; empty where nothing is there.
std::optional<std::string> canonical(const std::string& path);

// The same for many paths that share their folders: each folder is looked at once.
class CanonicalNames {
 public:
  std::optional<std::string> of(const std::string& path);

 private:
  // Where one name after the other is not there, the folder is read once.
  bool may_hold(const std::string& folder, const std::string& name);
  void was_missing(const std::string& folder);
  struct Listing {
    int missing = 0;
    bool known = false;
    std::unordered_set<std::string> names;
  };

  std::unordered_map<std::string, std::optional<std::string>> known_;
  std::unordered_map<std::string, Listing> listings_;
};

bool is_folder(const std::string& path);
mode_t mode_of(const std::string& folder);

struct HostEntry {
  std::string name;
  unsigned char type = 0;  // DT_*; never DT_UNKNOWN
};
// Of a folder that may not be listed: none.
Result<std::vector<HostEntry>> entries_of(const std::string& folder);
std::string link_text(const std::string& path);

}  // namespace assent::launch
