#include "resolve/radius.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/sys.h"

namespace assent::resolve {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::uint64_t kEntriesBetweenLooksAtTheClock = 32;

bool is_below_or_at(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// linux_dirent64, read with memcpy: what the kernel writes is aligned, but the compiler need not know.
struct Entry {
  std::string_view name;
  unsigned char type = DT_UNKNOWN;
  std::size_t length = 0;
};
Entry entry_at(const char* at) {
  constexpr std::size_t kLength = 16;
  constexpr std::size_t kType = 18;
  constexpr std::size_t kName = 19;
  Entry entry;
  std::uint16_t length = 0;
  std::memcpy(&length, at + kLength, sizeof length);
  entry.length = length;
  entry.type = static_cast<unsigned char>(at[kType]);
  entry.name = std::string_view(at + kName);
  return entry;
}

// A folder on the way down. Its descriptor may be closed while its children are walked, and is then opened again as
// the child's "..", if that is still the same folder.
struct Level {
  UniqueFd fd;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::size_t path_length = 0;       // of path_, while in this folder
  std::vector<std::string> folders;  // still to walk
};

class Counter {
 public:
  Counter(const std::string& root_path, const RadiusOptions& options)
      : options_(options), path_(root_path), end_(Clock::now() + options.budget), buffer_(kBuffer) {
    radius_.root = root_path;
    const std::string& project = options.project;
    const bool has_project = !project.empty();
    const bool inside = has_project && is_below_or_at(root_path, project);
    all_outside_ = has_project && !inside && !is_below_or_at(project, root_path);
    some_outside_ = has_project && !inside;
    const std::string dot_git = project == "/" ? "/.git" : project + "/.git";
    // Strictly below the project and not in git's own store: only then what git holds outlives the deletion.
    if (inside && root_path != project && !is_below_or_at(root_path, dot_git)) git_ = options.git;
    project_prefix_ = project == "/" ? 1 : project.size() + 1;
  }

  Radius run(int root) {
    if (enter(root, ".")) {
      while (!levels_.empty() && !out_of_time_) step();
    }
    if (out_of_time_) radius_.complete = false;
    return std::move(radius_);
  }

 private:
  // RESOLVE_NO_XDEV: other mounts are not entered; and so no automount is woken, no dead network share waited for.
  static Result<UniqueFd> open(int folder, const char* name) {
    return sys::openat2(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK,
                        RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  }

  bool enter(int parent, const char* name) {
    auto fd = open(parent, name);
    struct stat stat {};
    if (!fd || ::fstat(fd->get(), &stat) != 0) {
      if (fd || fd.error().code != ENOENT) radius_.complete = false;  // one that is gone does not count
      return false;
    }
    Level level;
    level.fd = std::move(*fd);
    level.device = stat.st_dev;
    level.inode = stat.st_ino;
    level.path_length = path_.size();
    levels_.push_back(std::move(level));
    if (levels_.size() > kOpenFolders) levels_[levels_.size() - 1 - kOpenFolders].fd.reset();
    read(levels_.back());
    return true;
  }

  // Into the next folder of the deepest level, or back up.
  void step() {
    Level& level = levels_.back();
    path_.resize(level.path_length);
    if (level.folders.empty()) {
      leave();
      return;
    }
    const std::string name = std::move(level.folders.back());
    level.folders.pop_back();
    append(name);
    enter(level.fd.get(), name.c_str());
  }

  void leave() {
    const UniqueFd child = std::move(levels_.back().fd);
    levels_.pop_back();
    if (levels_.empty()) return;
    Level& parent = levels_.back();
    if (parent.fd) return;
    auto fd = open(child.get(), "..");
    struct stat stat {};
    if (!fd || ::fstat(fd->get(), &stat) != 0 || stat.st_dev != parent.device || stat.st_ino != parent.inode) {
      // Somebody moved the tree under our feet. The rest of it is not to be found any more.
      radius_.complete = false;
      levels_.clear();
      return;
    }
    parent.fd = std::move(*fd);
  }

  void append(std::string_view name) {
    if (path_.back() != '/') path_ += '/';
    path_ += name;
  }

  void read(Level& level) {
    for (;;) {
      const long got = ::syscall(SYS_getdents64, level.fd.get(), buffer_.data(), buffer_.size());
      if (got == 0) return;
      if (got < 0) {
        radius_.complete = false;
        return;
      }
      for (long at = 0; at < got;) {
        const Entry entry = entry_at(buffer_.data() + at);
        at += static_cast<long>(entry.length);
        if (entry.name == "." || entry.name == "..") continue;
        if (++seen_ % kEntriesBetweenLooksAtTheClock == 0 && Clock::now() >= end_) {
          out_of_time_ = true;
          return;
        }
        look(level, entry);
      }
    }
  }

  void look(Level& level, const Entry& entry) {
    if (entry.type == DT_DIR) {
      level.folders.emplace_back(entry.name);
      return;
    }
    struct statx stat {};
    constexpr unsigned kMask = STATX_BASIC_STATS | STATX_BTIME;
    constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    if (::statx(level.fd.get(), entry.name.data(), kFlags, kMask, &stat) != 0) {
      if (errno != ENOENT) radius_.complete = false;
      return;
    }
    if (S_ISDIR(stat.stx_mode)) {  // a file system that does not tell types
      level.folders.emplace_back(entry.name);
      return;
    }
    if (options_.is_own && options_.is_own(sys::id_of(stat))) return;
    ++radius_.files;
    radius_.bytes += stat.stx_size;
    if (git_ == nullptr && !some_outside_) {
      ++radius_.not_in_git;
      return;
    }
    path_.resize(level.path_length);
    append(entry.name);
    if (git_ == nullptr || !git_->holds_unmodified(std::string_view(path_).substr(project_prefix_), stat)) {
      ++radius_.not_in_git;
    }
    if (all_outside_ || (some_outside_ && !is_below_or_at(path_, options_.project))) ++radius_.outside_project;
    path_.resize(level.path_length);
  }

  const RadiusOptions& options_;
  Radius radius_;
  std::string path_;
  Clock::time_point end_;
  std::vector<char> buffer_;
  std::vector<Level> levels_;
  const GitIndex* git_ = nullptr;
  std::size_t project_prefix_ = 0;
  bool all_outside_ = false;
  bool some_outside_ = false;
  bool out_of_time_ = false;
  std::uint64_t seen_ = 0;
};

}  // namespace

Radius count(int root, const std::string& root_path, const RadiusOptions& options) {
  return Counter(root_path.empty() ? "/" : root_path, options).run(root);
}

}  // namespace assent::resolve
