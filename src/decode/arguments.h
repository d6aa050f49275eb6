// Arguments: the six registers of a call, read the way the kernel reads them.
#pragma once

#include <linux/limits.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "assent/action.h"
#include "assent/call.h"
#include "assent/result.h"
#include "base/remote_memory.h"

namespace assent::decode {

// What a null pointer means where AT_EMPTY_PATH was given: for most calls a bad address, for the newer ones "".
enum class NullPath { BadAddress, Empty };

class Arguments {
 public:
  Arguments(const Call& call, const RemoteMemory& memory) : call_(call), memory_(memory) {}

  [[nodiscard]] std::uint64_t raw(int i) const { return call_.arguments[static_cast<std::size_t>(i)]; }
  // The kernel's `int` and `unsigned int` parameters are the low 32 bits of the register, `umode_t` the low 16.
  [[nodiscard]] int s32(int i) const { return static_cast<int>(static_cast<std::uint32_t>(raw(i))); }
  [[nodiscard]] std::uint32_t u32(int i) const { return static_cast<std::uint32_t>(raw(i)); }
  [[nodiscard]] mode_t mode(int i) const { return static_cast<std::uint16_t>(raw(i)); }
  [[nodiscard]] const RemoteMemory& memory() const { return memory_; }

  // A name that must not be empty (ENOENT).
  [[nodiscard]] Result<std::string> name(int i) const;
  [[nodiscard]] Result<PathArg> path(int i) const;                // relative to the working directory
  [[nodiscard]] Result<PathArg> path_at(int dirfd, int i) const;  // `dirfd` and `i` are positions
  // The same, and the empty path is allowed where `flags` has AT_EMPTY_PATH.
  [[nodiscard]] Result<PathArg> path_at(int dirfd, int i, std::uint32_t flags,
                                        NullPath null = NullPath::BadAddress) const;
  // The object of an f… call: EBADF for a negative number, which would otherwise be read as AT_FDCWD.
  [[nodiscard]] Result<PathArg> descriptor(int i) const;

 private:
  const Call& call_;
  const RemoteMemory& memory_;
};

// copy_struct_from_user(): a struct that grows with the kernel. `size` bytes at `address` into the `known` ones:
// missing ones are zero, further ones must be (E2BIG). The caller has checked the smallest and the greatest size.
Status copy_struct(const RemoteMemory& memory, std::uint64_t address, std::uint64_t size, std::span<std::byte> known);
inline constexpr std::uint64_t kMaxStruct = 4096;  // the kernel refuses longer ones with E2BIG

// A refusal in the kernel's name.
tl::unexpected<Error> invalid(const char* what);

// Turns the parts of an action into a Result<Action>.
template <class T>
Result<Action> done(T action) {
  return Result<Action>(Action(std::move(action)));
}

}  // namespace assent::decode
