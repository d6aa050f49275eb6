// chmod, fchmod, fchmodat, fchmodat2, chown, fchown, lchown, fchownat
#include <fcntl.h>

#include "decode/families.h"

namespace assent::decode {
namespace {

constexpr std::uint32_t kKnown = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

Follow follow(std::uint32_t flags) { return (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::No : Follow::Yes; }

Result<Action> change(Result<PathArg> path, Follow follow, MetadataChange change) {
  if (!path) return pass(std::move(path));
  return done(SetMetadata{std::move(*path), follow, std::move(change)});
}

SetMode mode(const Arguments& in, int i) { return SetMode{static_cast<mode_t>(in.mode(i) & 07777)}; }
SetOwner owner(const Arguments& in, int i) { return SetOwner{in.u32(i), in.u32(i + 1)}; }

}  // namespace

Result<Action> decode_chmod(const Arguments& in) { return change(in.path(0), Follow::Yes, mode(in, 1)); }
Result<Action> decode_fchmod(const Arguments& in) { return change(in.descriptor(0), Follow::Yes, mode(in, 1)); }
Result<Action> decode_fchmodat(const Arguments& in) { return change(in.path_at(0, 1), Follow::Yes, mode(in, 2)); }

Result<Action> decode_fchmodat2(const Arguments& in) {
  const std::uint32_t flags = in.u32(3);
  if ((flags & ~kKnown) != 0) return invalid("cannot change the mode: unknown flags");
  return change(in.path_at(0, 1, flags), follow(flags), mode(in, 2));
}

Result<Action> decode_chown(const Arguments& in) { return change(in.path(0), Follow::Yes, owner(in, 1)); }
Result<Action> decode_lchown(const Arguments& in) { return change(in.path(0), Follow::No, owner(in, 1)); }
Result<Action> decode_fchown(const Arguments& in) { return change(in.descriptor(0), Follow::Yes, owner(in, 1)); }

Result<Action> decode_fchownat(const Arguments& in) {
  const std::uint32_t flags = in.u32(4);
  if ((flags & ~kKnown) != 0) return invalid("cannot change the owner: unknown flags");
  return change(in.path_at(0, 1, flags), follow(flags), owner(in, 2));
}

}  // namespace assent::decode
