#include "resolve/walk.h"

#include <linux/limits.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/sys.h"
#include "resolve/look.h"
#include "resolve/slow_walk.h"

namespace assent::resolve {
namespace {

// A path part as a C string, on the stack.
class Terminated {
 public:
  explicit Terminated(std::string_view text) {
    std::memcpy(bytes_.data(), text.data(), text.size());
    bytes_[text.size()] = '\0';
  }
  [[nodiscard]] const char* get() const { return bytes_.data(); }

 private:
  std::array<char, PATH_MAX> bytes_;
};

}  // namespace

Result<Place> Walk::to(Caller& caller, const PathArg& path, LastLink last, std::uint64_t resolve, Glance glance) const {
  if (path.path.empty()) {
    Place place;
    if (path.dirfd == AT_FDCWD) {
      const auto cwd = caller.cwd();
      if (!cwd) return fail(cwd.error().code);
      place.object = UniqueFd(::fcntl(cwd->fd, F_DUPFD_CLOEXEC, 0));
      if (!place.object) return sys::last_error("fcntl");
    } else {
      auto fd = caller.descriptor(path.dirfd);
      if (!fd) return pass(std::move(fd));
      place.object = std::move(*fd);
    }
    return place;
  }
  const auto spelled = spell(path.path);
  if (!spelled) return fail(spelled.error().code);
  if ((resolve & RESOLVE_CACHED) != 0) return fail(EAGAIN);  // "not all of it is cached": callers must be ready for it
  if (spelled->absolute && (resolve & RESOLVE_BENEATH) != 0) return fail(EXDEV);
  Spelled from = *spelled;
  if ((resolve & RESOLVE_IN_ROOT) != 0) from.absolute = false;

  auto base = base_of(caller, path.dirfd, from);
  if (!base) return pass(std::move(base));
  if (resolve == 0) {
    auto place = quickly(*base, from, glance);
    if (!place && place.error().code != ELOOP) return place;
    if (place) {
      const bool slash = from.spelling == Spelling::TrailingSlash;
      const bool follow = last == LastLink::Follow || (last == LastLink::KeepUnlessSlash && slash);
      if (!place->stat || !is_symlink(*place->stat) || !follow) return place;
    }
    // Some symbolic link: once more from the beginning, step by step.
    base = base_of(caller, path.dirfd, from);
    if (!base) return pass(std::move(base));
  }
  SlowWalk walk(view_, proc_, caller, last, resolve);
  return walk.run(base->fd, std::move(base->owned), path.path);
}

Result<Walk::Base> Walk::base_of(Caller& caller, int dirfd, const Spelled& spelled) const {
  Base base;
  if (spelled.absolute) {
    base.fd = view_.agent_root();
    base.stat = view_.agent_root_stat();
  } else if (dirfd == AT_FDCWD) {
    const auto cwd = caller.cwd();
    if (!cwd) return fail(cwd.error().code);
    base.fd = cwd->fd;
    base.stat = *cwd->stat;
  } else {
    auto fd = caller.descriptor(dirfd);
    if (!fd) return pass(std::move(fd));
    base.owned = std::move(*fd);
    base.fd = base.owned.get();
  }
  return base;
}

// One openat2 and one look; ELOOP where a symbolic link stands on the way.
Result<Place> Walk::quickly(Base& base, const Spelled& spelled, Glance glance) const {
  Place place;
  place.spelling = spelled.spelling;
  if (spelled.directory.empty()) {
    place.directory = base.fd;
    place.owned = std::move(base.owned);
    if (base.stat) {
      place.directory_stat = *base.stat;
    } else if (const int error = look(place.directory, "", place.directory_stat); error != 0) {
      return fail(error);
    }
    if (!is_directory(place.directory_stat)) return fail(ENOTDIR);
  } else {
    const Terminated directory(spelled.directory);
    if (glance == Glance::Later) place.directory = find_again(base, spelled, directory.get(), place);
    if (place.directory < 0) {
      // "/proc/self" is nobody there for us, so what does not succeed is walked step by step.
      int error = ELOOP;
      if (glance == Glance::Shown && spelled.absolute) error = pin_in_root(base.fd, directory.get(), place.owned);
      if (error != 0) error = pin(base.fd, directory.get(), O_DIRECTORY, place.owned);
      if (error != 0) return fail(error);
      place.directory = place.owned.get();
      error = look(place.directory, "", place.directory_stat);
      if (error != 0) return fail(error);
      if (glance == Glance::Later) keep(spelled, place);
    }
  }
  if (spelled.last.empty()) return place;
  place.name = spelled.last;
  place.unseen = true;
  if (glance == Glance::Later && shows_host(place.directory_stat)) return place;
  if (auto seen = see(place); !seen) return pass(std::move(seen));
  return place;
}

// Most calls name a folder that one shortly before named. Where it is one step from the base, one look that follows no
// link says whether that step still leads to a folder that is held open: the same object through the same mount. As it
// is held, its inode number stands for nothing else, so that is as good as opening it again. -1: it does not.
int Walk::find_again(const Base& base, const Spelled& spelled, const char* directory, Place& place) const {
  bool looked = false;
  for (const Kept& kept : kept_) {
    if (!kept.directory || kept.name != spelled.directory) continue;
    if (!looked && look(base.fd, directory, place.directory_stat) != 0) return -1;
    looked = true;
    const struct statx& now = place.directory_stat;
    if (is_directory(now) && same_object(now, kept.stat) && now.stx_mnt_id == kept.stat.stx_mnt_id)
      return kept.directory.get();
  }
  return -1;
}

void Walk::keep(const Spelled& spelled, Place& place) const {
  const bool one_step =
      spelled.directory.find('/') == std::string_view::npos && spelled.directory != "." && spelled.directory != "..";
  if (!one_step || spelled.last.empty()) return;
  Kept& oldest = kept_[next_kept_];
  next_kept_ = (next_kept_ + 1) % kept_.size();
  oldest.directory = std::move(place.owned);
  oldest.name = spelled.directory;
  oldest.stat = place.directory_stat;
}

Status Walk::see(Place& place) {
  place.unseen = false;
  struct statx stat {};
  const int error = look(place.directory, place.name.c_str(), stat);
  if (error == 0) {
    place.stat = stat;
  } else if (error != ENOENT) {
    return fail(error);
  }
  return {};
}

bool Walk::shows_host(const struct statx& directory) const {
  if (!view_.knows(directory.stx_mnt_id)) return false;
  const Mount mount = view_.mount(directory.stx_mnt_id);
  return mount.backing == Backing::Host && (mount.zone == Zone::Gated || mount.zone == Zone::Read);
}

}  // namespace assent::resolve
