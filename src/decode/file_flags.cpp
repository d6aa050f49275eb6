// file_setattr; ioctl FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION and the 32-bit numbers of two of them
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "decode/families.h"

namespace assent::decode {
namespace {

constexpr std::uint64_t kFileAttrSize = 24;  // struct file_attr of linux/fs.h (6.17)

// `copied` bytes are read; the argument is filled up with zeros to what the number promises, so that whoever takes
// the number's word for it never reads past the copy.
Result<Action> change(const Arguments& in, std::size_t copied) {
  auto path = in.descriptor(0);
  if (!path) return pass(std::move(path));
  SetFileFlags flags{in.u32(1), std::string(_IOC_SIZE(in.u32(1)), '\0')};
  auto argument = std::as_writable_bytes(std::span(flags.argument)).first(copied);
  if (auto read = in.memory().read(in.raw(2), argument); !read) return pass(std::move(read));
  return done(SetMetadata{std::move(*path), Follow::Yes, std::move(flags)});
}

}  // namespace

Result<Action> decode_ioctl(const Arguments& in) {
  switch (in.u32(1)) {
    case FS_IOC_SETFLAGS:  // says long, reads int
    case FS_IOC_SETVERSION:
    case FS_IOC32_SETFLAGS:
    case FS_IOC32_SETVERSION:
      return change(in, sizeof(std::uint32_t));
    case FS_IOC_FSSETXATTR:
      return change(in, sizeof(struct fsxattr));
    default:
      return fail(ENOTTY, "cannot decode the ioctl: its number is not known here");
  }
}

// file_setattr(dirfd, path, struct file_attr *, size, at_flags)
Result<Action> decode_file_setattr(const Arguments& in) {
  const std::uint32_t flags = in.u32(4);
  if ((flags & ~static_cast<std::uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) {
    return invalid("cannot set the file flags: unknown flags");
  }
  const std::uint64_t size = in.raw(3);
  if (size > kMaxStruct) return fail(E2BIG, "cannot set the file flags: struct file_attr is too long");
  if (size < kFileAttrSize) return invalid("cannot set the file flags: struct file_attr is too short");
  SetFileFlags change{0, std::string(kFileAttrSize, '\0')};
  if (auto copied = copy_struct(in.memory(), in.raw(2), size, std::as_writable_bytes(std::span(change.argument)));
      !copied) {
    return pass(std::move(copied));
  }
  auto path = in.path_at(0, 1, flags, NullPath::Empty);
  if (!path) return pass(std::move(path));
  return done(
      SetMetadata{std::move(*path), (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::No : Follow::Yes, std::move(change)});
}

}  // namespace assent::decode
