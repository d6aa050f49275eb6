// A portrait of a tree: everything of every object that an undo has to give back: type, mode, owner, time of change to
// the nanosecond, links, size, content, link text, device, every extended attribute with its value (ACLs are among
// them).
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace assent::run_test {

using Portrait = std::map<std::string, std::string>;

// What nobody may read is made readable for the moment; that moves no time that is compared.
class Readable {
 public:
  Readable(const std::string& path, const struct stat& stat) : path_(path), mode_(stat.st_mode & 07777) {
    const mode_t wanted = S_ISDIR(stat.st_mode) ? 0500 : 0400;
    changed_ = !S_ISLNK(stat.st_mode) && (mode_ & wanted) != wanted && ::chmod(path.c_str(), mode_ | wanted) == 0;
  }
  ~Readable() {
    if (changed_) ::chmod(path_.c_str(), mode_);
  }
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;

 private:
  const std::string& path_;
  mode_t mode_;
  bool changed_ = false;
};

inline std::string attributes_of(const std::string& path) {
  std::string names(65536, '\0');
  const ssize_t n = ::llistxattr(path.c_str(), names.data(), names.size());
  std::vector<std::string> out;
  for (ssize_t at = 0; at < n;) {
    const std::string name = names.c_str() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::string value(65536, '\0');
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    out.push_back(" " + name + "=" + std::to_string(std::hash<std::string>{}(value)));
  }
  std::sort(out.begin(), out.end());
  std::string text;
  for (const auto& each : out) text += each;
  return text;
}

inline void draw(const std::string& path, const std::string& name, Portrait& out) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) != 0) return;
  const Readable readable(path, stat);
  std::ostringstream text;
  text << std::oct << stat.st_mode << std::dec << ' ' << stat.st_uid << ':' << stat.st_gid << " time "
       << stat.st_mtim.tv_sec << '.' << stat.st_mtim.tv_nsec << " device " << stat.st_rdev;
  // A folder has a link for each folder in it; what the agent made beside the rest stays.
  if (!S_ISDIR(stat.st_mode)) text << " links " << stat.st_nlink << " size " << stat.st_size;
  text << attributes_of(path);
  if (S_ISLNK(stat.st_mode)) text << " to " << std::filesystem::read_symlink(path).string();
  if (S_ISREG(stat.st_mode)) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::string content(static_cast<std::size_t>(stat.st_size), '\0');
    const ssize_t n = fd >= 0 ? ::pread(fd, content.data(), content.size(), 0) : -1;
    if (fd >= 0) ::close(fd);
    text << " content " << n << ',' << std::hash<std::string>{}(content);
  }
  out[name] = text.str();
  if (!S_ISDIR(stat.st_mode)) return;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    draw(entry.path().string(), name + "/" + entry.path().filename().string(), out);
}

inline Portrait portrait(const std::string& root) {
  Portrait out;
  draw(root, "", out);
  return out;
}

// What of `wanted` is otherwise now; empty: nothing. What is there besides does not count.
inline std::string otherwise(const Portrait& wanted, const Portrait& now) {
  std::string out;
  for (const auto& [name, was] : wanted) {
    const auto is = now.find(name);
    if (is == now.end())
      out += name + "\n  was " + was + "\n  is gone\n";
    else if (is->second != was)
      out += name + "\n  was " + was + "\n  is  " + is->second + "\n";
    if (out.size() > 4000) return out + "…\n";
  }
  return out;
}

}  // namespace assent::run_test
