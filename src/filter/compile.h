// The table → a classic BPF program, at compile time, so that a session's start computes nothing.
//
//   load arch; not x86_64 → ENOSYS
//   load number; binary search over ranges of numbers with one treatment (unknown and x32 numbers are such ranges)
//   leaf: return, or the row's rules in order
//
// Not by libseccomp: with "unknown number → ENOSYS" as its default it can say "this ioctl → EPERM, every other → allow"
// only through inequalities, and version 2.5.4 miscompiles pairs of those. Here a rule falls through to the next one.
// Before the arguments are looked at, a path holds only what the kernel's own look-ahead understands (5.11, the bitmap
// of calls that are always allowed), so an unconditional Floor row costs nothing at all.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <span>
#include <vector>

#include "filter/treat.h"

namespace assent::filter {

// A program written from its end to its start: a forward jump's target is then there already, and the distance to it
// is known. BPF has no jumps back.
class Backwards {
 public:
  using Label = std::size_t;  // the instruction written last

  [[nodiscard]] constexpr Label here() const { return code_.size(); }
  [[nodiscard]] constexpr std::size_t to(Label target) const { return code_.size() - target; }

  constexpr void statement(unsigned code, std::uint32_t k) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
  }
  // An instruction has one byte for each distance; a longer one stops the compilation.
  constexpr void jump(unsigned code, std::uint32_t k, std::size_t if_true, std::size_t if_false) {
    if (if_true > 255 || if_false > 255) throw "too long a jump";
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | code), static_cast<std::uint8_t>(if_true),
                     static_cast<std::uint8_t>(if_false), k});
  }
  constexpr void load(std::size_t offset) { statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
  constexpr void leave_with(Outcome outcome) {
    switch (outcome.treatment) {
      case Treatment::Floor:
        return statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
      case Treatment::Notify:
        return statement(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
      case Treatment::Deny:
        return statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(outcome.error));
    }
  }

  constexpr void copy_to(std::span<sock_filter> out) const {
    for (std::size_t i = 0; i < code_.size(); ++i) out[i] = code_[code_.size() - 1 - i];
  }

 private:
  std::vector<sock_filter> code_;
};

constexpr std::size_t low_half(std::uint8_t argument) { return offsetof(seccomp_data, args) + argument * 8U; }
constexpr std::size_t high_half(std::uint8_t argument) { return low_half(argument) + 4; }

// Falls through where the condition holds, goes to `miss` where not. `loaded`: its argument's low half is in the
// accumulator already.
constexpr void compile(Backwards& out, const Condition& condition, Backwards::Label miss, bool loaded) {
  switch (condition.test) {
    case Test::NonZero:
      out.jump(BPF_JEQ, 0, out.to(miss), 0);
      out.load(high_half(condition.argument));
      out.jump(BPF_JEQ, 0, 0, 2);
      break;
    case Test::AnyBit:
      out.jump(BPF_JSET, condition.mask, 0, out.to(miss));
      break;
    case Test::Equals:
      out.jump(BPF_JEQ, condition.value, 0, out.to(miss));
      if (condition.mask != 0xffffffff) out.statement(BPF_ALU | BPF_AND | BPF_K, condition.mask);
      break;
  }
  if (!loaded) out.load(low_half(condition.argument));
}

// Whether the accumulator still holds the low half of `argument` after that condition was tried, with either result.
constexpr bool leaves_loaded(const Condition& condition, std::uint8_t argument) {
  return condition.argument == argument &&
         (condition.test == Test::AnyBit || (condition.test == Test::Equals && condition.mask == 0xffffffff));
}

constexpr void compile(Backwards& out, const Row& row, std::span<const Rule> rules) {
  std::size_t reached = 0;  // a rule without conditions is the last that can be reached
  while (reached < rules.size() && rules[reached].count > 0) ++reached;
  out.leave_with(reached < rules.size() ? rules[reached].outcome : row.otherwise);
  for (std::size_t i = reached; i-- > 0;) {
    const auto conditions = rules[i].all();
    const Backwards::Label next = out.here();
    out.leave_with(rules[i].outcome);
    for (std::size_t j = conditions.size(); j-- > 0;) {
      // A rule is come to from every condition of the one before it, so only after a single one is it known which.
      const std::uint8_t argument = conditions[j].argument;
      const bool loaded = j > 0
                              ? leaves_loaded(conditions[j - 1], argument)
                              : i > 0 && rules[i - 1].count == 1 && leaves_loaded(rules[i - 1].conditions[0], argument);
      compile(out, conditions[j], next, loaded);
    }
  }
}

// Numbers from `first` up to the next range's first.
struct Range {
  std::uint32_t first = 0;
  int row = -1;       // index into the table, where registers decide; else negative
  Outcome outcome{};  // else
};

constexpr std::vector<Range> ranges_of(Variant variant) {
  std::vector<Range> ranges;
  std::uint32_t next = 0;
  const auto add = [&ranges](const Range& range) {
    const bool same =
        !ranges.empty() && ranges.back().row < 0 && range.row < 0 && ranges.back().outcome == range.outcome;
    if (!same) ranges.push_back(range);
  };
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    const auto number = static_cast<std::uint32_t>(kTable[i].number);
    if (number < next) throw "the table is out of order, or holds a number twice";
    if (number > next) add({next, -1, kUnknownNumber});
    add({number, kTable[i].rules_of(variant).empty() ? -1 : static_cast<int>(i), kTable[i].otherwise});
    next = number + 1;
  }
  add({next, -1, kUnknownNumber});
  return ranges;
}

// Which of the ranges the number in the accumulator lies in, and then that range's code.
constexpr void search(Backwards& out, std::span<const Range> ranges, Variant variant) {
  const Range& first = ranges.front();
  if (ranges.size() == 1) {
    if (first.row < 0) return out.leave_with(first.outcome);
    const Row& row = kTable[static_cast<std::size_t>(first.row)];
    return compile(out, row, row.rules_of(variant));
  }
  const std::size_t middle = ranges.size() / 2;
  search(out, ranges.subspan(middle), variant);
  const Backwards::Label above = out.here();
  search(out, ranges.first(middle), variant);
  if (out.to(above) <= 255) return out.jump(BPF_JGE, ranges[middle].first, out.to(above), 0);
  out.statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(out.to(above)));
  out.jump(BPF_JGE, ranges[middle].first, 0, 1);
}

constexpr void compile(Backwards& out, Variant variant) {
  const auto ranges = ranges_of(variant);
  search(out, ranges, variant);
  out.load(offsetof(seccomp_data, nr));
  const Backwards::Label native = out.here();
  out.leave_with(kForeignAbi);
  out.jump(BPF_JEQ, AUDIT_ARCH_X86_64, out.to(native), 0);
  out.load(offsetof(seccomp_data, arch));
}

}  // namespace assent::filter
