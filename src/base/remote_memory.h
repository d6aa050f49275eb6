// RemoteMemory: reads the memory of a stopped thread of the agent. In: addresses as the agent gave them. Out: copies.
// It never writes there, never trusts what it read to stay the same, and never reads the same byte twice: whatever
// is decided is decided on the one copy. Bytes after the first unreadable one are never needed to read those before.
#pragma once

#include <linux/limits.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>

#include "assent/result.h"

namespace assent {

class RemoteMemory {
 public:
  // Copies the longest readable beginning of [address, address + out.size()) into `out`; returns its length, which
  // is 0 where not even the first byte can be read. Fails where the memory as a whole is out of reach (EPERM, ESRCH).
  using Reader = std::function<Result<std::size_t>(std::uint64_t address, std::span<std::byte> out)>;

  explicit RemoteMemory(pid_t tid) : tid_(tid) {}
  explicit RemoteMemory(Reader reader) : reader_(std::move(reader)) {}  // another memory, for tests

  // All of `out`, or EFAULT.
  Status read(std::uint64_t address, std::span<std::byte> out) const;

  // The bytes before the first NUL, which must be among the first `limit` ones: otherwise ENAMETOOLONG. EFAULT where
  // the readable bytes end before. One system call where the string has fewer than 256 bytes.
  Result<std::string> read_string(std::uint64_t address, std::size_t limit = PATH_MAX) const;

  template <class T>
  Result<T> read_value(std::uint64_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (auto done = read(address, std::as_writable_bytes(std::span(&value, 1))); !done) return pass(std::move(done));
    return value;
  }

 private:
  Result<std::size_t> read_some(std::uint64_t address, std::span<std::byte> out) const;

  pid_t tid_ = -1;
  Reader reader_;
};

}  // namespace assent
