// open, creat, openat, openat2, truncate: the kernel's build_open_how() and build_open_flags() (fs/open.c, 6.18).
#include <fcntl.h>
#include <linux/openat2.h>

#include <cerrno>

#include "decode/families.h"

namespace assent::decode {
namespace {

// The kernel's own bits: glibc's O_LARGEFILE is 0 on 64 bits, and its O_TMPFILE contains O_DIRECTORY.
constexpr std::uint64_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;
#if defined(__aarch64__)
constexpr std::uint64_t kLargefile = 0400000;
#else
constexpr std::uint64_t kLargefile = 0100000;
#endif
constexpr std::uint64_t kOpenHowSize = 24;  // OPEN_HOW_SIZE_VER0
constexpr std::uint64_t kValidFlags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
                                      O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | kLargefile | O_DIRECTORY | O_NOFOLLOW |
                                      O_NOATIME | O_CLOEXEC | O_PATH | kTmpfile;
constexpr std::uint64_t kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr std::uint64_t kValidResolve =
    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
constexpr std::uint64_t kModeBits = 07777;

constexpr bool creates(std::uint64_t flags) { return (flags & (O_CREAT | kTmpfile)) != 0; }

// What every open must fulfil. O_DIRECTORY with O_CREAT is EINVAL since 6.4; before it was a bug that made files.
Status check(const Open& open) {
  const std::uint64_t flags = open.flags;
  if ((flags & ~kValidFlags) != 0) return invalid("cannot open: unknown flags");
  if ((open.resolve & ~kValidResolve) != 0) return invalid("cannot open: unknown resolve flags");
  if ((open.resolve & RESOLVE_BENEATH) != 0 && (open.resolve & RESOLVE_IN_ROOT) != 0) {
    return invalid("cannot open: RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other");
  }
  if ((open.mode & ~(creates(flags) ? kModeBits : 0)) != 0) return invalid("cannot open: bad mode");
  if ((flags & O_DIRECTORY) != 0 && (flags & O_CREAT) != 0) return invalid("cannot open: a folder is made by mkdir");
  if ((flags & kTmpfile) != 0) {
    const std::uint64_t access = flags & O_ACCMODE;
    if ((flags & O_DIRECTORY) == 0 || access == O_RDONLY) return invalid("cannot open: bad use of O_TMPFILE");
  }
  if ((flags & O_PATH) != 0 && (flags & ~kPathFlags) != 0) return invalid("cannot open: O_PATH with more");
  if ((open.resolve & RESOLVE_CACHED) != 0 && (flags & (O_TRUNC | O_CREAT | kTmpfile)) != 0) {
    return fail(EAGAIN, "cannot open: RESOLVE_CACHED does not create");
  }
  return {};
}

Result<Action> open(const Arguments& in, int dirfd, int path, std::uint64_t flags, std::uint64_t mode) {
  Open open;
  // The old calls ignore what they do not know.
  open.flags = flags & kValidFlags;
  if ((open.flags & O_PATH) != 0) open.flags &= kPathFlags;
  open.flags &= ~kLargefile;
  open.mode = creates(open.flags) ? mode & kModeBits : 0;
  if (auto fine = check(open); !fine) return pass(std::move(fine));
  auto where = dirfd < 0 ? in.path(path) : in.path_at(dirfd, path);
  if (!where) return pass(std::move(where));
  open.path = std::move(*where);
  return done(std::move(open));
}

}  // namespace

Result<Action> decode_open(const Arguments& in) { return open(in, -1, 0, in.u32(1), in.mode(2)); }
Result<Action> decode_openat(const Arguments& in) { return open(in, 0, 1, in.u32(2), in.mode(3)); }
Result<Action> decode_creat(const Arguments& in) { return open(in, -1, 0, O_CREAT | O_WRONLY | O_TRUNC, in.mode(1)); }

Result<Action> decode_openat2(const Arguments& in) {
  const std::uint64_t size = in.raw(3);
  if (size < kOpenHowSize) return invalid("cannot open: struct open_how is too short");
  if (size > kMaxStruct) return fail(E2BIG, "cannot open: struct open_how is too long");
  struct open_how how {};
  if (auto copied = copy_struct(in.memory(), in.raw(2), size, std::as_writable_bytes(std::span(&how, 1))); !copied) {
    return pass(std::move(copied));
  }
  Open open;
  open.flags = how.flags;
  open.mode = how.mode;
  open.resolve = how.resolve;
  open.call = OpenCall::Openat2;
  if (auto fine = check(open); !fine) return pass(std::move(fine));
  open.flags &= ~kLargefile;
  auto where = in.path_at(0, 1);
  if (!where) return pass(std::move(where));
  open.path = std::move(*where);
  return done(std::move(open));
}

Result<Action> decode_truncate(const Arguments& in) {
  const auto length = static_cast<std::int64_t>(in.raw(1));
  if (length < 0) return invalid("cannot truncate: the length is negative");
  auto path = in.path(0);
  if (!path) return pass(std::move(path));
  return done(Truncate{std::move(*path), length});
}

}  // namespace assent::decode
