// link, linkat, symlink, symlinkat
#include <fcntl.h>

#include "decode/families.h"

namespace assent::decode {
namespace {

Result<Action> link(Result<PathArg> from, Result<PathArg> to, Follow follow) {
  if (!from) return pass(std::move(from));
  if (!to) return done(Link{std::move(*from), {}, follow, to.error().code});
  return done(Link{std::move(*from), std::move(*to), follow});
}

Result<Action> symlink(Result<std::string> target, Result<PathArg> path) {
  if (!target) return pass(std::move(target));
  if (!path) return pass(std::move(path));
  return done(MakeSymlink{std::move(*target), std::move(*path)});
}

}  // namespace

Result<Action> decode_link(const Arguments& in) { return link(in.path(0), in.path(1), Follow::No); }

// With AT_EMPTY_PATH the first name may be empty: then the descriptor itself is linked. Whether its owner may do that
// is for the kernel to say when the act is performed.
Result<Action> decode_linkat(const Arguments& in) {
  const std::uint32_t flags = in.u32(4);
  if ((flags & ~static_cast<std::uint32_t>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) {
    return invalid("cannot link: unknown flags");
  }
  return link(in.path_at(0, 1, flags), in.path_at(2, 3), (flags & AT_SYMLINK_FOLLOW) != 0 ? Follow::Yes : Follow::No);
}

Result<Action> decode_symlink(const Arguments& in) { return symlink(in.name(0), in.path(1)); }
Result<Action> decode_symlinkat(const Arguments& in) { return symlink(in.name(0), in.path_at(1, 2)); }

}  // namespace assent::decode
