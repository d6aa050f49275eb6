// Directories: a directory in the agent's view → the same directory on the host's own, writable mount.
// In: a descriptor found in the agent's view. Out: a shared Directory whose `host` is what the broker works through.
// The two are compared by device and inode number; a name is only ever the hint where to look.
// Kept while among the last 512 used: the descriptor for good (it holds its inode number), the name for a second and
// until the broker renames a directory.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "assent/result.h"
#include "assent/target.h"
#include "resolve/view.h"

namespace assent::resolve {

class Directories {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMost = 512;
  static constexpr std::chrono::seconds kNameLife{1};

  explicit Directories(const View& view) : view_(view) {}

  // `stat`: of `directory`, with its mount id. ENOENT where it has been removed; EPERM where no directory of the host
  // is the same object; ENAMETOOLONG where its path is longer than the kernel tells.
  // In free, private and kernel zones `host` is the agent's own view of it.
  Result<DirectoryRef> find(int directory, const struct statx& stat);

  // A directory was renamed: all canonical names are read again.
  void renamed() { ++name_version_; }

  [[nodiscard]] std::size_t size() const { return recent_.size(); }

 private:
  struct Key {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t mount = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>((key.inode * 0x9E3779B97F4A7C15ULL) ^ (key.device << 17) ^ key.mount);
    }
  };
  struct Entry {
    Key key;
    DirectoryRef directory;
    Clock::time_point named_at;
    std::uint64_t name_version = 0;
  };
  using Recent = std::list<Entry>;

  Result<DirectoryRef> refresh(Recent::iterator entry);
  Result<Directory> translate(int directory, const struct statx& stat) const;
  Result<Directory> on_host(int directory, const struct statx& stat, Backing backing) const;

  const View& view_;
  std::uint64_t name_version_ = 0;
  Recent recent_;  // most recently used first
  std::unordered_map<Key, Recent::iterator, KeyHash> found_;
};

}  // namespace assent::resolve
