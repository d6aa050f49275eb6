// VaultClock: how much of what the machine's clock says has passed may have passed really. A clock that is set far
// ahead (an empty battery, a wrong date) must not make everything in the vault old at once. In: STATE/vault/.clock,
// which says when somebody looked last. Out: the jumps that the clock has made, each with how much of it does not
// count. What passed within one boot is known (CLOCK_BOOTTIME runs through a suspend); of a time that the machine was
// off, three days count.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assent::undo {

struct ClockJump {
  std::int64_t after_ns = 0;      // wall time before the jump
  std::int64_t uncounted_ns = 0;  // below zero: the clock was set back
  friend bool operator==(const ClockJump&, const ClockJump&) = default;
};

struct Moment {
  std::int64_t wall_ns = 0;
  std::int64_t boot_ns = 0;  // CLOCK_BOOTTIME
  std::string boot;          // which boot that is; empty: not known
};
Moment moment_now();

inline constexpr std::chrono::hours kMostCountedOff{72};
inline constexpr std::chrono::hours kClockSlack{24};  // between the two clocks: what was put right is no jump

// Pure: the jump between two looks; nothing uncounted: none.
ClockJump jump_between(const Moment& before, const Moment& now);

// The age of something of that time. A clock that went back shows some times twice: then the least that fits.
std::chrono::nanoseconds age_of(std::int64_t time_ns, std::int64_t now_ns, const std::vector<ClockJump>& jumps);

enum class Remember { Yes, No };  // No: a dry run
// Looks at the clock: all jumps so far. Where nobody looked before, `newest_ns` (the end of the newest transaction;
// 0: there is none) says when the vault was last in use.
std::vector<ClockJump> look_at_clock(const std::string& state_vault, const Moment& now, std::int64_t newest_ns,
                                     Remember remember);

}  // namespace assent::undo
