#include "session/kernel_reads.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace assent::session {

namespace {

// Below /proc/PID: what any user may read of any process (ps, top).
constexpr std::array<std::string_view, 8> kOpenToAll{"",        "stat", "statm",  "status",
                                                     "cmdline", "comm", "cgroup", "task"};

std::string_view next_part(std::string_view& rest) {
  const auto slash = rest.find('/');
  const auto part = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return part;
}

std::optional<pid_t> number(std::string_view part) {
  pid_t value = 0;
  const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (problem != std::errc{} || end != part.data() + part.size() || value <= 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int> refused_read(const Target& target, const resolve::Caller& caller) {
  if (target.zone != Zone::Kernel) return std::nullopt;
  std::string_view rest = target.path;
  if (!rest.starts_with("/proc/")) return std::nullopt;
  rest.remove_prefix(6);
  const auto process = number(next_part(rest));
  if (!process) return std::nullopt;
  if (*process == caller.inner_pid()) return std::nullopt;
  std::string_view name = next_part(rest);
  if (name == "task" && !rest.empty()) {
    next_part(rest);
    name = next_part(rest);
  }
  if (rest.empty() && std::ranges::find(kOpenToAll, name) != kOpenToAll.end()) return std::nullopt;
  return EACCES;
}

bool is_own_terminal(const Target& target) {
  return target.stat && S_ISCHR(target.stat->stx_mode) && target.stat->stx_rdev_major == 5 &&
         target.stat->stx_rdev_minor == 0;
}

}  // namespace assent::session
