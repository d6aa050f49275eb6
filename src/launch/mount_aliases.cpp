#include "launch/mount_aliases.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/sys.h"
#include "launch/host_folders.h"

namespace assent::launch {

namespace {

// Spaces, tabs, line ends and backslashes are written as \040 and so on.
std::string unescaped(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// What `path` is called when `from` is called `to`.
std::string moved(const std::string& path, const std::string& from, const std::string& to) {
  const std::string rest = path.substr(from == "/" ? 0 : from.size());
  if (rest.empty() || rest == "/") return to;
  return to == "/" ? rest : to + rest;
}

}  // namespace

MountAliases MountAliases::of_this_process() {
  const auto text = sys::read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20);
  return MountAliases(text ? std::string_view(*text) : std::string_view());
}

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
MountAliases::MountAliases(std::string_view mountinfo) {
  std::unordered_map<std::string, std::size_t> first_of;  // by device
  while (!mountinfo.empty()) {
    std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(mountinfo.size(), line.size() + 1));
    std::array<std::string_view, 5> words;
    for (auto& word : words) {
      word = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
    Mount one{std::string(words[2]), unescaped(words[3]), unescaped(words[4]), false};
    // A root that lies outside of what this process may see ("/../..") leads to nothing that could be named.
    if (!well_formed(one.root) || !well_formed(one.point)) continue;
    const auto [first, is_first] = first_of.try_emplace(one.device, mounts_.size());
    if (!is_first) mounts_[first->second].shared = one.shared = any_shared_ = true;
    mounts_.push_back(std::move(one));
  }
}

const MountAliases::Mount* MountAliases::holding(const std::string& path) const {
  const Mount* out = nullptr;
  for (const Mount& mount : mounts_) {
    if (at_or_beneath(path, mount.point) && (out == nullptr || mount.point.size() >= out->point.size())) out = &mount;
  }
  return out;
}

void MountAliases::add_others(const Mount& at, const std::string& inside, std::vector<std::string>& out) const {
  if (!at.shared) return;
  const std::string there = moved(inside, at.point, at.root);
  for (const Mount& other : mounts_) {
    if (other.device != at.device || !at_or_beneath(there, other.root)) continue;
    std::string alias = moved(there, other.root, other.point);
    if (alias == inside || holding(alias) != &other) continue;  // something lies over it
    if (std::find(out.begin(), out.end(), alias) == out.end()) out.push_back(std::move(alias));
  }
}

std::vector<std::string> MountAliases::of(const std::string& path) const {
  std::vector<std::string> out;
  if (!any_shared_) return out;
  if (const Mount* mount = holding(path)) add_others(*mount, path, out);
  for (const Mount& mount : mounts_) {
    if (mount.shared && beneath(mount.point, path)) add_others(mount, mount.point, out);
  }
  return out;
}

}  // namespace assent::launch
