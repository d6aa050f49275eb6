// access, faccessat, faccessat2
#include <fcntl.h>
#include <unistd.h>

#include "decode/families.h"

namespace assent::decode {
namespace {

constexpr std::uint32_t kKnown = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
constexpr std::uint32_t kModes = R_OK | W_OK | X_OK;

Result<Action> check(Result<PathArg> path, std::uint32_t mode, std::uint32_t flags = 0) {
  if (!path) return pass(std::move(path));
  return done(CheckAccess{std::move(*path), static_cast<int>(mode), static_cast<int>(flags)});
}

}  // namespace

Result<Action> decode_access(const Arguments& in) {
  if ((in.u32(1) & ~kModes) != 0) return invalid("cannot check access: unknown mode");
  return check(in.path(0), in.u32(1));
}

Result<Action> decode_faccessat(const Arguments& in) {
  if ((in.u32(2) & ~kModes) != 0) return invalid("cannot check access: unknown mode");
  return check(in.path_at(0, 1), in.u32(2));
}

Result<Action> decode_faccessat2(const Arguments& in) {
  const std::uint32_t flags = in.u32(3);
  if ((in.u32(2) & ~kModes) != 0) return invalid("cannot check access: unknown mode");
  if ((flags & ~kKnown) != 0) return invalid("cannot check access: unknown flags");
  return check(in.path_at(0, 1, flags), in.u32(2), flags);
}

}  // namespace assent::decode
