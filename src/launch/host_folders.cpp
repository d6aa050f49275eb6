#include "launch/host_folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/show.h"

namespace assent::launch {

// ---- paths, by spelling only

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string join(const std::string& folder, std::string_view name) {
  return folder == "/" ? "/" + std::string(name) : folder + "/" + std::string(name);
}

bool beneath(const std::string& path, const std::string& folder) {
  if (folder == "/") return path.size() > 1;
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

bool at_or_beneath(const std::string& path, const std::string& folder) {
  return path == folder || beneath(path, folder);
}

bool well_formed(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos) return false;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    const std::string_view part(path.data() + at + 1, end - at - 1);
    if (part == "." || part == ".." || (part.empty() && path.size() > 1)) return false;
    at = end;
  }
  return true;
}

// ---- the host's side

std::optional<std::string> canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return std::nullopt;
  return std::string(real.get());
}

bool CanonicalNames::may_hold(const std::string& folder, const std::string& name) {
  const auto found = listings_.find(folder);
  return found == listings_.end() || !found->second.known || found->second.names.contains(name);
}

void CanonicalNames::was_missing(const std::string& folder) {
  constexpr int kPatience = 4;
  constexpr std::size_t kMost = 1024;  // of a longer list, looking for the names is cheaper
  Listing& listing = listings_[folder];
  if (++listing.missing != kPatience) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), &::closedir);
  if (!stream) return;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    if (listing.names.size() >= kMost) return;
    listing.names.emplace(entry->d_name);
  }
  listing.known = errno == 0;
}

std::optional<std::string> CanonicalNames::of(const std::string& path) {
  if (!well_formed(path)) return canonical(path);
  if (path == "/") return path;
  if (const auto found = known_.find(path); found != known_.end()) return found->second;
  std::optional<std::string> real;
  if (const auto folder = of(parent_of(path))) {
    const std::string name = path.substr(path.rfind('/') + 1);
    real = join(*folder, name);
    char byte = 0;
    if (!may_hold(*folder, name)) {
      real.reset();
    } else if (::readlink(real->c_str(), &byte, 1) >= 0) {
      real = canonical(*real);
    } else if (errno != EINVAL) {  // EINVAL: it is there, and no link
      real.reset();
      was_missing(*folder);
    }
  }
  return known_.emplace(path, std::move(real)).first->second;
}

bool is_folder(const std::string& path) {
  struct stat stat {};
  return ::stat(path.c_str(), &stat) == 0 && S_ISDIR(stat.st_mode);
}

mode_t mode_of(const std::string& folder) {
  struct stat stat {};
  return ::stat(folder.c_str(), &stat) == 0 ? stat.st_mode & 07777 : 0755;
}

Result<std::vector<HostEntry>> entries_of(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), &::closedir);
  if (!stream) {
    // What may not be listed cannot be put back: the agent then finds the folder empty.
    if (errno == EACCES) return std::vector<HostEntry>();
    const int code = errno;
    return fail(code,
                fmt::format("cannot list {}, in which something is to be hidden ({}); look at `hide` in the profile",
                            show(folder), ::strerrorname_np(code)));
  }
  std::vector<HostEntry> entries;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
      struct stat stat {};
      if (::fstatat(::dirfd(stream.get()), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) continue;
      type = static_cast<unsigned char>(IFTODT(stat.st_mode));
    }
    entries.push_back({std::string(name), type});
  }
  return entries;
}

std::string link_text(const std::string& path) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t n = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return n < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(n));
}

}  // namespace assent::launch
