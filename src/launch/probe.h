// Probes: what this kernel and this place (container, security module) let assent enforce, each found out by doing the
// thing in a child. For `assent doctor`. Nothing is judged by a version number, nothing is left behind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assent::launch {

enum class Health {
  Ok,
  Weaker,   // assent runs, but something is slower or one layer thinner
  Missing,  // assent does not start
};

std::string_view name(Health health);  // "ok" | "weaker" | "missing"

struct Probe {
  std::string name;
  Health health = Health::Missing;
  std::string what;       // what was seen
  std::string next_step;  // empty where all is well
};

// `state_folder`: where sessions are kept (need not exist; the nearest folder above is tried).
std::vector<Probe> probe_floor(const std::string& state_folder);

}  // namespace assent::launch
