// unlink, unlinkat, rmdir
#include <fcntl.h>

#include "decode/families.h"

namespace assent::decode {
namespace {

Result<Action> remove(Result<PathArg> path, RemoveKind kind) {
  if (!path) return pass(std::move(path));
  return done(Remove{std::move(*path), kind});
}

}  // namespace

Result<Action> decode_unlink(const Arguments& in) { return remove(in.path(0), RemoveKind::File); }
Result<Action> decode_rmdir(const Arguments& in) { return remove(in.path(0), RemoveKind::Directory); }

Result<Action> decode_unlinkat(const Arguments& in) {
  const std::uint32_t flags = in.u32(2);
  if ((flags & ~static_cast<std::uint32_t>(AT_REMOVEDIR)) != 0) return invalid("cannot remove: unknown flags");
  return remove(in.path_at(0, 1), (flags & AT_REMOVEDIR) != 0 ? RemoveKind::Directory : RemoveKind::File);
}

}  // namespace assent::decode
