// utime, utimes, futimesat, utimensat: every form becomes two timespecs, or none for "now".
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#include "decode/families.h"

namespace assent::decode {
namespace {

using Times = std::optional<std::array<timespec, 2>>;

Result<Action> change(Result<PathArg> path, Follow follow, Times times) {
  if (!path) return pass(std::move(path));
  return done(SetMetadata{std::move(*path), follow, SetTimes{times}});
}

// A null pointer asks for now. So does UTIME_NOW twice, which the kernel takes for the same (and so needs only write
// permission). With UTIME_OMIT the seconds mean nothing. Nanoseconds out of range are judged after the path.
Result<Times> nanoseconds(const Arguments& in, int i) {
  if (in.raw(i) == 0) return Times{};
  auto times = in.memory().read_value<std::array<timespec, 2>>(in.raw(i));
  if (!times) return pass(std::move(times));
  const auto& [accessed, modified] = *times;
  if (accessed.tv_nsec == UTIME_NOW && modified.tv_nsec == UTIME_NOW) return Times{};
  return Times{*times};
}

Result<Times> microseconds(const Arguments& in, int i) {
  if (in.raw(i) == 0) return Times{};
  auto times = in.memory().read_value<std::array<timeval, 2>>(in.raw(i));
  if (!times) return pass(std::move(times));
  Times out(std::in_place);
  for (std::size_t k = 0; k < 2; ++k) {
    const timeval& from = (*times)[k];
    if (from.tv_usec < 0 || from.tv_usec >= 1'000'000)
      return invalid("cannot set the times: microseconds out of range");
    (*out)[k] = timespec{from.tv_sec, from.tv_usec * 1000};
  }
  return out;
}

}  // namespace

Result<Action> decode_utime(const Arguments& in) {
  Times times;
  if (in.raw(1) != 0) {
    auto seconds = in.memory().read_value<utimbuf>(in.raw(1));
    if (!seconds) return pass(std::move(seconds));
    times = {timespec{seconds->actime, 0}, timespec{seconds->modtime, 0}};
  }
  return change(in.path(0), Follow::Yes, times);
}

Result<Action> decode_utimes(const Arguments& in) {
  auto times = microseconds(in, 1);
  if (!times) return pass(std::move(times));
  return change(in.path(0), Follow::Yes, *times);
}

// A null path names the descriptor (but not the working directory).
Result<Action> decode_futimesat(const Arguments& in) {
  auto times = microseconds(in, 2);
  if (!times) return pass(std::move(times));
  if (in.raw(1) == 0 && in.s32(0) != AT_FDCWD) return change(in.descriptor(0), Follow::Yes, *times);
  return change(in.path_at(0, 1), Follow::Yes, *times);
}

// As futimesat, and with a null path no flag is allowed.
Result<Action> decode_utimensat(const Arguments& in) {
  auto times = nanoseconds(in, 2);
  if (!times) return pass(std::move(times));
  const bool omits_both = *times && (**times)[0].tv_nsec == UTIME_OMIT && (**times)[1].tv_nsec == UTIME_OMIT;
  if (omits_both) return change(PathArg{}, Follow::Yes, *times);  // a success, whatever the path is
  const std::uint32_t flags = in.u32(3);
  if (in.raw(1) == 0 && in.s32(0) != AT_FDCWD) {
    if (flags != 0) return invalid("cannot set the times: flags without a path");
    return change(in.descriptor(0), Follow::Yes, *times);
  }
  if ((flags & ~static_cast<std::uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) {
    return invalid("cannot set the times: unknown flags");
  }
  return change(in.path_at(0, 1, flags), (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::No : Follow::Yes, *times);
}

}  // namespace assent::decode
