#include "resolve/directories.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"
#include "resolve/look.h"

namespace assent::resolve {
namespace {

constexpr int kTries = 4;

// A removed directory still has a descriptor, but nothing can be found or made in it. Some file systems count no links
// of directories at all, so the kernel's own mark is asked for too.
bool is_removed(int directory, const struct statx& stat) {
  if (stat.stx_nlink != 0) return false;
  const auto path = sys::path_of(directory);
  return !path || path->ends_with(" (deleted)");
}

bool acts_on_host(Zone zone) { return zone == Zone::Gated || zone == Zone::Read; }

}  // namespace

Result<DirectoryRef> Directories::find(int directory, const struct statx& stat) {
  if (is_removed(directory, stat)) return fail(ENOENT);
  const Key key{sys::id_of(stat).device, stat.stx_ino, stat.stx_mnt_id};
  const auto known = found_.find(key);
  if (known != found_.end()) {
    const auto entry = known->second;
    if (entry != recent_.begin()) recent_.splice(recent_.begin(), recent_, entry);
    if (entry->name_version == name_version_ && Clock::now() - entry->named_at < kNameLife) return entry->directory;
    return refresh(entry);
  }
  auto translated = translate(directory, stat);
  if (!translated) return pass(std::move(translated));
  translated->mount = stat.stx_mnt_id;
  const auto found = std::make_shared<const Directory>(std::move(*translated));
  // Folders of processes come and go by the thousand.
  if (found->zone == Zone::Kernel && found->path.starts_with("/proc")) return found;
  if (recent_.size() >= kMost) {
    found_.erase(recent_.back().key);
    recent_.pop_back();
  }
  recent_.push_front(Entry{key, found, Clock::now(), name_version_});
  found_[key] = recent_.begin();
  return found;
}

// The name is read again from the descriptor.
Result<DirectoryRef> Directories::refresh(Recent::iterator entry) {
  auto path = sys::path_of(entry->directory->host.get());
  struct statx stat {};
  const int error = look(entry->directory->host.get(), "", stat);
  if (!path || error != 0 || is_removed(entry->directory->host.get(), stat)) {
    const int code = !path ? path.error().code : error != 0 ? error : ENOENT;
    found_.erase(entry->key);
    recent_.erase(entry);
    return fail(code);
  }
  if (*path != entry->directory->path) {
    Directory moved;
    moved.host = UniqueFd(::fcntl(entry->directory->host.get(), F_DUPFD_CLOEXEC, 0));
    if (!moved.host) return sys::last_error("fcntl");
    moved.id = entry->directory->id;
    moved.path = std::move(*path);
    moved.mount = entry->directory->mount;
    moved.zone = entry->directory->zone;
    entry->directory = std::make_shared<const Directory>(std::move(moved));
  }
  entry->named_at = Clock::now();
  entry->name_version = name_version_;
  return entry->directory;
}

Result<Directory> Directories::translate(int directory, const struct statx& stat) const {
  const Mount mount = view_.mount_of(stat.stx_mnt_id, directory);
  if (acts_on_host(mount.zone)) {
    auto out = on_host(directory, stat, mount.backing);
    if (out) out->zone = mount.zone;
    return out;
  }
  Directory out;
  auto path = sys::path_of(directory);
  if (!path) return pass(std::move(path));
  out.path = std::move(*path);
  out.host = UniqueFd(::fcntl(directory, F_DUPFD_CLOEXEC, 0));
  if (!out.host) return sys::last_error("fcntl");
  out.id = sys::id_of(stat);
  out.zone = mount.zone;
  return out;
}

// The mount trees have the same layout, so the path in the agent's is the path in ours.
Result<Directory> Directories::on_host(int directory, const struct statx& stat, Backing backing) const {
  for (int i = 0; i < kTries; ++i) {
    auto path = sys::path_of(directory);
    if (!path) return pass(std::move(path));
    if (path->empty() || path->front() != '/') break;
    Directory out;
    const char* relative = path->size() == 1 ? "." : path->c_str() + 1;
    const int error = pin(view_.host_root(), relative, O_DIRECTORY, out.host);
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) continue;  // renamed meanwhile
    if (error != 0) return fail(error);
    struct statx found {};
    if (const int failed = look(out.host.get(), "", found); failed != 0) return fail(failed);
    // A made-up directory has no fellow to be compared with: what is judged in it is compared itself.
    if (backing == Backing::Host && !same_object(found, stat)) continue;
    out.id = sys::id_of(found);
    out.path = std::move(*path);
    return out;
  }
  struct statx now {};
  if (look(directory, "", now) == 0 && is_removed(directory, now)) return fail(ENOENT);
  return fail(EPERM, "cannot find a folder of the agent's on the host: it is not the same there");
}

}  // namespace assent::resolve
