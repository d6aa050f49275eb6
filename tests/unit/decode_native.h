// For the decode tests: calls whose arguments lie in this process, so the kernel can be asked the same question.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

#include "decode/decode.h"

namespace assent::decode {

using Registers = std::array<std::uint64_t, 6>;

inline std::uint64_t reg(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }
inline std::uint64_t reg(std::int64_t number) { return static_cast<std::uint64_t>(number); }
inline std::uint64_t reg(std::uint64_t number) { return number; }
inline std::uint64_t reg(int number) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(number)); }
inline std::uint64_t reg(unsigned number) { return number; }
inline std::uint64_t reg(std::nullptr_t) { return 0; }

template <class... T>
Call call(int number, T... arguments) {
  Call out;
  out.tid = ::getpid();
  out.number = number;
  std::size_t i = 0;
  ((out.arguments[i++] = reg(arguments)), ...);
  return out;
}

inline Result<Action> decoded(const Call& c) { return decode(c, RemoteMemory(::getpid())); }

template <class T, class... Arguments>
T expect_action(int number, Arguments... arguments) {
  auto action = decoded(call(number, arguments...));
  if (!action) throw std::runtime_error(std::string(call_name(number)) + ": " + action.error().what);
  return std::get<T>(std::move(*action));
}

template <class... Arguments>
int expect_error(int number, Arguments... arguments) {
  const auto action = decoded(call(number, arguments...));
  return action ? 0 : action.error().code;
}

}  // namespace assent::decode
