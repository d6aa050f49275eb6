// The words of the table: what a filter can see of a call (registers, nothing else) and what it may say about it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace assent::filter {

enum class Variant {
  Normal,                 // opening for reading is not gated: the read-only view of the machine decides
  GateReads,              // opening for reading is notified too (something inside the project is hidden)
  GateDatagrams,          // sending to an address is notified too (a rule lets UDP out)
  GateReadsAndDatagrams,  // both
};
inline constexpr Variant kVariants[] = {Variant::Normal, Variant::GateReads, Variant::GateDatagrams,
                                        Variant::GateReadsAndDatagrams};

constexpr Variant variant(bool gate_reads, bool gate_datagrams) {
  if (gate_datagrams) return gate_reads ? Variant::GateReadsAndDatagrams : Variant::GateDatagrams;
  return gate_reads ? Variant::GateReads : Variant::Normal;
}
constexpr bool gates_reads(Variant variant) {
  return variant == Variant::GateReads || variant == Variant::GateReadsAndDatagrams;
}
constexpr bool gates_datagrams(Variant variant) {
  return variant == Variant::GateDatagrams || variant == Variant::GateReadsAndDatagrams;
}

// There is no "kill": a killed program tells nobody why, and an errno stops the call just as well.
enum class Treatment : std::uint8_t {
  Floor,   // let through: the floor, or its harmlessness, suffices
  Notify,  // stops and comes to the supervisor
  Deny,    // never carried out; the caller gets the errno
};

struct Outcome {
  Treatment treatment = Treatment::Deny;
  int error = 0;  // of Deny only

  friend constexpr bool operator==(const Outcome&, const Outcome&) = default;
};

inline constexpr Outcome floor_suffices() { return {Treatment::Floor, 0}; }
inline constexpr Outcome notify() { return {Treatment::Notify, 0}; }
inline constexpr Outcome deny(int error) { return {Treatment::Deny, error}; }

// A test of one register. Registers have 64 bits, but the kernel takes only the low 32 of an `int` argument, so a test
// that looked at all of them could be passed with rubbish in the high half. Only pointers are looked at whole.
enum class Test : std::uint8_t {
  Equals,   // (low 32 bits & mask) == value
  AnyBit,   // (low 32 bits & mask) != 0
  NonZero,  // all 64 bits; a pointer that is not null
};

struct Condition {
  std::uint8_t argument = 0;  // 0..5
  Test test = Test::Equals;
  std::uint32_t mask = 0xffffffff;
  std::uint32_t value = 0;
};

// At most three conditions, all of which must hold.
struct Rule {
  Condition conditions[3]{};
  std::uint8_t count = 0;
  Outcome outcome;

  constexpr Rule(std::initializer_list<Condition> all, Outcome then) : outcome(then) {
    for (const Condition& one : all) conditions[count++] = one;
  }
  [[nodiscard]] constexpr std::span<const Condition> all() const { return {conditions, count}; }
};

// The rules are tried in order; the first that holds decides, else `otherwise`.
struct Row {
  int number;
  std::string_view name;
  Outcome otherwise;
  std::string_view reason;
  std::span<const Rule> rules{};
  std::span<const Rule> gate_reads_rules{};      // instead of `rules` where reads are gated, if not empty
  std::span<const Rule> gate_datagrams_rules{};  // the same where datagrams are; no row has both

  [[nodiscard]] constexpr std::span<const Rule> rules_of(Variant variant) const {
    if (gates_reads(variant) && !gate_reads_rules.empty()) return gate_reads_rules;
    if (gates_datagrams(variant) && !gate_datagrams_rules.empty()) return gate_datagrams_rules;
    return rules;
  }
};

}  // namespace assent::filter
