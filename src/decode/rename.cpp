// rename, renameat, renameat2
#include <linux/fs.h>

#include "decode/families.h"

namespace assent::decode {
namespace {

Result<Action> rename(Result<PathArg> from, Result<PathArg> to, unsigned flags) {
  if (!from) return pass(std::move(from));
  if (!to) return done(Rename{std::move(*from), {}, flags, to.error().code});
  return done(Rename{std::move(*from), std::move(*to), flags});
}

}  // namespace

Result<Action> decode_rename(const Arguments& in) { return rename(in.path(0), in.path(1), 0); }
Result<Action> decode_renameat(const Arguments& in) { return rename(in.path_at(0, 1), in.path_at(2, 3), 0); }

Result<Action> decode_renameat2(const Arguments& in) {
  const std::uint32_t flags = in.u32(4);
  if ((flags & ~static_cast<std::uint32_t>(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0) {
    return invalid("cannot rename: unknown flags");
  }
  if ((flags & RENAME_EXCHANGE) != 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0) {
    return invalid("cannot rename: RENAME_EXCHANGE stands alone");
  }
  return rename(in.path_at(0, 1), in.path_at(2, 3), flags);
}

}  // namespace assent::decode
