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

Result<Place> Walk::to(Caller& caller, const PathArg& path, LastLink last, std::uint64_t resolve) const {
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
    auto place = quickly(*base, from);
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
Result<Place> Walk::quickly(Base& base, const Spelled& spelled) const {
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
    if (const int error = pin(base.fd, Terminated(spelled.directory).get(), O_DIRECTORY, place.owned); error != 0) {
      return fail(error);
    }
    place.directory = place.owned.get();
    if (const int error = look(place.directory, "", place.directory_stat); error != 0) return fail(error);
  }
  if (spelled.last.empty()) return place;
  place.name = spelled.last;
  struct statx stat {};
  const int error = look(place.directory, place.name.c_str(), stat);
  if (error == 0) {
    place.stat = stat;
  } else if (error != ENOENT) {
    return fail(error);
  }
  return place;
}

}  // namespace assent::resolve
