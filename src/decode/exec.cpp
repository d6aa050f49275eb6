// execve, execveat. argv is copied for showing and for the record; what a program does is gated by its effects.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "decode/decode.h"
#include "decode/families.h"

namespace assent::decode {
namespace {

constexpr std::uint32_t kExecveCheck = 0x10000;  // AT_EXECVE_CHECK, 6.14
constexpr std::size_t kStep = 64;

// Reads argv's pointers a few at a time: the array may end right before a page that is not there.
class Pointers {
 public:
  Pointers(const RemoteMemory& memory, std::uint64_t address) : memory_(memory), address_(address) {}

  Result<std::uint64_t> next() {
    if (at_ == held_) {
      // Up to the end of the page, as an aligned array cannot end within a pointer. An array that is not aligned
      // is read one by one.
      const std::uint64_t rest = (4096 - address_ % 4096) / sizeof(std::uint64_t);
      const std::size_t count =
          address_ % sizeof(std::uint64_t) != 0 ? 1 : std::clamp<std::size_t>(rest, 1, pointers_.size());
      const auto read = memory_.read(address_, std::as_writable_bytes(std::span(pointers_).first(count)));
      if (!read) return tl::unexpected<Error>(read.error());
      address_ += count * sizeof(std::uint64_t);
      at_ = 0;
      held_ = count;
    }
    return pointers_[at_++];
  }

 private:
  const RemoteMemory& memory_;
  std::uint64_t address_;
  std::array<std::uint64_t, kStep> pointers_{};
  std::size_t at_ = 0;
  std::size_t held_ = 0;
};

// A null argv is an empty one.
Status copy_argv(const Arguments& in, int i, Exec& out) {
  if (in.raw(i) == 0) return {};
  Pointers pointers(in.memory(), in.raw(i));
  std::size_t left = kMaxArgumentBytes;
  for (;;) {
    const auto pointer = pointers.next();
    if (!pointer) return tl::unexpected<Error>(pointer.error());
    if (*pointer == 0) return {};
    if (out.argv.size() == kMaxArguments) break;
    auto argument = in.memory().read_string(*pointer, left);
    if (!argument && argument.error().code == ENAMETOOLONG) break;
    if (!argument) return pass(std::move(argument));
    left -= argument->size() + 1;
    out.argv.push_back(std::move(*argument));
    if (left == 0) break;
  }
  out.argv_cut = true;
  return {};
}

Result<Action> exec(const Arguments& in, Result<PathArg> path, std::uint32_t flags, int argv) {
  if (!path) return pass(std::move(path));
  Exec out;
  out.path = std::move(*path);
  out.flags = static_cast<int>(flags);
  if (auto copied = copy_argv(in, argv, out); !copied) return pass(std::move(copied));
  return done(std::move(out));
}

}  // namespace

Result<Action> decode_execve(const Arguments& in) { return exec(in, in.path(0), 0, 1); }

Result<Action> decode_execveat(const Arguments& in) {
  const std::uint32_t flags = in.u32(4);
  if ((flags & ~(static_cast<std::uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) | kExecveCheck)) != 0) {
    return invalid("cannot execute: unknown flags");
  }
  return exec(in, in.path_at(0, 1, flags), flags, 2);
}

}  // namespace assent::decode
