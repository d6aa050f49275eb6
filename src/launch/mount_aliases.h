// MountAliases: the other paths under which the machine's mounts show the same thing (bind mounts, a file system that
// is mounted twice). What is hidden must be hidden there too. In: the text of /proc/self/mountinfo. It looks at no
// file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assent::launch {

class MountAliases {
 public:
  // Of the calling process. Without /proc there are none; a sandbox could not be built then either.
  static MountAliases of_this_process();
  explicit MountAliases(std::string_view mountinfo);

  // Other paths of what lies at `path` (canonical, it need not exist), and of what is mounted somewhere beneath it.
  [[nodiscard]] std::vector<std::string> of(const std::string& path) const;

 private:
  struct Mount {
    std::string device;  // "254:0"
    std::string root;    // which of the file system's folders it shows
    std::string point;
    bool shared = false;  // another mount shows the same file system
  };
  [[nodiscard]] const Mount* holding(const std::string& path) const;
  void add_others(const Mount& at, const std::string& inside, std::vector<std::string>& out) const;

  std::vector<Mount> mounts_;  // later ones lie over earlier ones
  bool any_shared_ = false;
};

}  // namespace assent::launch
