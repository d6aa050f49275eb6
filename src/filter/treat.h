// What happens to a call: the table read as a pure function. The built program must say the same of every call; the
// tests compare the two.
#pragma once

#include <linux/audit.h>

#include <array>
#include <cerrno>

#include "filter/table.h"

namespace assent::filter {

// What the kernel hands to a filter. Under an x32 call `number` has bit 30 set, and `arch` is still x86_64.
struct Registers {
  std::uint32_t arch = AUDIT_ARCH_X86_64;
  std::uint32_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

// A call through another ABI (int 0x80, x32) has other numbers, so nothing of the table fits it. ENOSYS and not a kill:
// it is what a kernel without that ABI answers, programs that merely try it live on, and nothing of it is carried out.
inline constexpr Outcome kForeignAbi = deny(ENOSYS);
inline constexpr Outcome kUnknownNumber = deny(ENOSYS);

constexpr bool holds(const Condition& condition, const std::array<std::uint64_t, 6>& arguments) {
  const std::uint64_t whole = arguments[condition.argument];
  const auto low = static_cast<std::uint32_t>(whole);
  switch (condition.test) {
    case Test::Equals:
      return (low & condition.mask) == condition.value;
    case Test::AnyBit:
      return (low & condition.mask) != 0;
    case Test::NonZero:
      return whole != 0;
  }
  return false;
}

constexpr Outcome treat(const Registers& call, Variant variant = Variant::Normal) {
  if (call.arch != AUDIT_ARCH_X86_64) return kForeignAbi;
  const Row* row = row_of(call.number);
  if (row == nullptr) return kUnknownNumber;
  for (const Rule& rule : row->rules_of(variant)) {
    bool all = true;
    for (const Condition& condition : rule.all()) all = all && holds(condition, call.arguments);
    if (all) return rule.outcome;
  }
  return row->otherwise;
}

}  // namespace assent::filter
