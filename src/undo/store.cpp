#include "undo/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/show.h"
#include "base/sys.h"

namespace assent::undo {

namespace {

constexpr std::size_t kMostOpen = 256;

Result<UniqueFd> enter(int folder, const char* name) {
  if (::mkdirat(folder, name, 0700) != 0 && errno != EEXIST) return sys::last_error("mkdir");
  return sys::openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

bool mine_alone(int folder) {
  auto stat = sys::statx(folder, "");
  return stat && S_ISDIR(stat->stx_mode) && stat->stx_uid == ::geteuid() && (stat->stx_mode & 077) == 0;
}

// The folder at the top of the mount that `folder` lies on.
std::string top_of_mount(const std::string& folder) {
  auto start = sys::statx(AT_FDCWD, folder.c_str());
  if (!start) return {};
  std::string top = folder;
  while (top.size() > 1) {
    const auto slash = top.rfind('/');
    std::string above = slash == 0 ? "/" : top.substr(0, slash);
    auto stat = sys::statx(AT_FDCWD, above.c_str());
    if (!stat || stat->stx_mnt_id != start->stx_mnt_id) break;
    top = std::move(above);
  }
  return top;
}

}  // namespace

Status make_folders(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST && (at == std::string::npos || errno != EACCES)) {
      const int code = errno;
      return fail(
          code, fmt::format("cannot create {}: {} ({})", show(part), ::strerrordesc_np(code), ::strerrorname_np(code)));
    }
    if (at == std::string::npos) return {};
  }
}

Result<int> Store::open() {
  if (root_) return root_.get();
  const std::string path = folder_ + "/" + transaction_;
  if (auto status = make_folders(path); !status) return pass(std::move(status));
  auto root = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!root) return fail(root.error().code, fmt::format("cannot open {}: {}", show(path), root.error().what));
  if (!mine_alone(root->get()))
    return fail(EPERM, fmt::format("cannot use {}: it is open to others (EPERM)", show(path)));
  auto stat = sys::statx(root->get(), "");
  if (!stat) return pass(std::move(stat));
  device_ = sys::id_of(*stat).device;
  root_ = std::move(*root);
  return root_.get();
}

Result<int> Store::descend(const std::string& place) {
  if (const auto found = open_.find(place); found != open_.end()) return found->second.get();
  auto root = open();
  if (!root) return root;
  if (open_.size() >= kMostOpen) open_.clear();
  // From the nearest folder that is open already.
  std::size_t known = place.size();
  int at = *root;
  while (known != std::string::npos && known > 0) {
    known = place.rfind('/', known - 1);
    if (known == std::string::npos) break;
    if (const auto found = open_.find(place.substr(0, known)); found != open_.end()) {
      at = found->second.get();
      break;
    }
  }
  for (std::size_t begin = known == std::string::npos ? 0 : known + 1; begin < place.size();) {
    std::size_t end = place.find('/', begin);
    if (end == std::string::npos) end = place.size();
    auto next = enter(at, place.substr(begin, end - begin).c_str());
    if (!next) return pass(std::move(next));
    at = open_.insert_or_assign(place.substr(0, end), std::move(*next)).first->second.get();
    begin = end + 1;
  }
  return at;
}

Result<int> Store::mirror(std::string_view layer, std::string_view path) {
  std::string place(layer);
  if (path != "/") place += path;
  return descend(place);
}

Result<int> Store::objects() { return descend("objects"); }

bool same_mount(int folder, int store) {
  constexpr const char* kNothing = ".assent-no-such-name";
  if (::renameat2(folder, kNothing, store, kNothing, RENAME_NOREPLACE) == 0) return false;
  if (errno != ENOENT) return false;
  // Subvolumes of one file system are told apart by their device number only.
  auto a = sys::statx(folder, "");
  auto b = sys::statx(store, "");
  return a && b && sys::id_of(*a).device == sys::id_of(*b).device;
}

std::string place_for(const std::string& folder, const std::string& state_vault) {
  auto victim = sys::openat(AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY);
  if (!victim) return {};
  if (make_folders(state_vault)) {
    auto state = sys::openat(AT_FDCWD, state_vault.c_str(), O_PATH | O_DIRECTORY);
    if (state && same_mount(victim->get(), state->get())) return state_vault;
  }
  const std::string name = fmt::format("/.assent-{}", ::geteuid());
  std::vector<std::string> candidates;
  const std::string top = top_of_mount(folder);
  if (!top.empty() && top != "/" && top != folder) candidates.push_back(top + name);
  if (top != folder && folder.rfind('/') != std::string::npos)
    candidates.push_back(folder.substr(0, folder.rfind('/')) + name);
  if (top == folder) candidates.push_back(folder + name);
  for (const auto& candidate : candidates) {
    const bool made = ::mkdir(candidate.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) continue;
    auto store = sys::openat(AT_FDCWD, candidate.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (store && mine_alone(store->get()) && same_mount(victim->get(), store->get())) {
      // So that no version control takes it for work.
      auto ignore = sys::openat(store->get(), ".gitignore", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
      if (ignore) (void)sys::write_all(ignore->get(), "*\n").has_value();
      return candidate;
    }
    if (made) ::rmdir(candidate.c_str());
  }
  return {};
}

}  // namespace assent::undo
