// setxattr, lsetxattr, fsetxattr, setxattrat, removexattr, lremovexattr, fremovexattr, removexattrat
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>

#include <cerrno>

#include "decode/families.h"

namespace assent::decode {
namespace {

constexpr std::uint32_t kKnown = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

Follow follow(std::uint32_t flags) { return (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::No : Follow::Yes; }

// struct xattr_args of linux/xattr.h (6.13).
struct XattrArgs {
  std::uint64_t value;
  std::uint32_t size;
  std::uint32_t flags;
};
static_assert(sizeof(XattrArgs) == 16);

Result<std::string> attribute_name(const Arguments& in, int i) {
  auto name = in.memory().read_string(in.raw(i), XATTR_NAME_MAX + 1);
  const bool wrong = name ? name->empty() : name.error().code == ENAMETOOLONG;
  if (wrong) return fail(ERANGE, "cannot use the attribute: its name is empty or too long");
  return name;
}

Result<SetXattr> attribute(const Arguments& in, int name, std::uint64_t value, std::uint64_t size,
                           std::uint32_t flags) {
  if ((flags & ~static_cast<std::uint32_t>(XATTR_CREATE | XATTR_REPLACE)) != 0) {
    return invalid("cannot set the attribute: unknown flags");
  }
  auto text = attribute_name(in, name);
  if (!text) return pass(std::move(text));
  if (size > XATTR_SIZE_MAX) return fail(E2BIG, "cannot set the attribute: its value is too long");
  SetXattr out{std::move(*text), std::string(size, '\0'), static_cast<int>(flags)};
  if (size != 0) {
    auto copied = in.memory().read(value, std::as_writable_bytes(std::span(out.value)));
    if (!copied) return pass(std::move(copied));
  }
  return out;
}

Result<Action> set(Result<SetXattr> change, auto path, Follow follow) {
  if (!change) return pass(std::move(change));
  auto where = path();  // after the attribute, as in the kernel
  if (!where) return pass(std::move(where));
  return done(SetMetadata{std::move(*where), follow, std::move(*change)});
}

Result<Action> remove(Result<std::string> name, auto path, Follow follow) {
  if (!name) return pass(std::move(name));
  auto where = path();
  if (!where) return pass(std::move(where));
  return done(SetMetadata{std::move(*where), follow, RemoveXattr{std::move(*name)}});
}

Result<SetXattr> plain(const Arguments& in) { return attribute(in, 1, in.raw(2), in.raw(3), in.u32(4)); }

}  // namespace

Result<Action> decode_setxattr(const Arguments& in) {
  return set(
      plain(in), [&] { return in.path(0); }, Follow::Yes);
}
Result<Action> decode_lsetxattr(const Arguments& in) {
  return set(
      plain(in), [&] { return in.path(0); }, Follow::No);
}
Result<Action> decode_fsetxattr(const Arguments& in) {
  return set(
      plain(in), [&] { return in.descriptor(0); }, Follow::Yes);
}

// setxattrat(dirfd, path, at_flags, name, struct xattr_args *, size)
Result<Action> decode_setxattrat(const Arguments& in) {
  const std::uint64_t size = in.raw(5);
  if (size < sizeof(XattrArgs)) return invalid("cannot set the attribute: struct xattr_args is too short");
  if (size > kMaxStruct) return fail(E2BIG, "cannot set the attribute: struct xattr_args is too long");
  XattrArgs args{};
  if (auto copied = copy_struct(in.memory(), in.raw(4), size, std::as_writable_bytes(std::span(&args, 1))); !copied) {
    return pass(std::move(copied));
  }
  const std::uint32_t flags = in.u32(2);
  if ((flags & ~kKnown) != 0) return invalid("cannot set the attribute: unknown flags");
  return set(
      attribute(in, 3, args.value, args.size, args.flags), [&] { return in.path_at(0, 1, flags, NullPath::Empty); },
      follow(flags));
}

Result<Action> decode_removexattr(const Arguments& in) {
  return remove(
      attribute_name(in, 1), [&] { return in.path(0); }, Follow::Yes);
}
Result<Action> decode_lremovexattr(const Arguments& in) {
  return remove(
      attribute_name(in, 1), [&] { return in.path(0); }, Follow::No);
}
Result<Action> decode_fremovexattr(const Arguments& in) {
  return remove(
      attribute_name(in, 1), [&] { return in.descriptor(0); }, Follow::Yes);
}

// removexattrat(dirfd, path, at_flags, name)
Result<Action> decode_removexattrat(const Arguments& in) {
  const std::uint32_t flags = in.u32(2);
  if ((flags & ~kKnown) != 0) return invalid("cannot remove the attribute: unknown flags");
  return remove(
      attribute_name(in, 3), [&] { return in.path_at(0, 1, flags, NullPath::Empty); }, follow(flags));
}

}  // namespace assent::decode
