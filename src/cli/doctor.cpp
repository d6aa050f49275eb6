// assent doctor: proves each gate on this machine by doing the forbidden thing in a child, and says what to do where
// one is missing.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/verbs.h"
#include "launch/probe.h"
#include "record/session_dir.h"
#include "session/gate_proof.h"
#include "session/network_proof.h"

namespace assent::cli {

namespace {

using launch::Health;
using launch::Probe;

std::string_view colour(Health health) {
  const char* no_colour = ::getenv("NO_COLOR");
  if (::isatty(1) != 1 || (no_colour != nullptr && no_colour[0] != '\0')) return "";
  switch (health) {
    case Health::Ok:
      return "\x1b[32m";
    case Health::Weaker:
      return "\x1b[33m";
    case Health::Missing:
      return "\x1b[31m";
  }
  return "";
}

void print(const Probe& probe) {
  const auto start = colour(probe.health);
  fmt::print("{}{:<8}{}{:<28} {}\n", start, launch::name(probe.health), start.empty() ? "" : "\x1b[0m",
             show(probe.name), show(probe.what));
  if (!probe.next_step.empty()) fmt::print("{:<8}{:<28} next: {}\n", "", "", show(probe.next_step));
}

}  // namespace

int doctor_main(Arguments arguments) {
  bool json = false;
  for (const auto& word : arguments) {
    if (word == "--json") {
      json = true;
    } else if (word == "--help" || word == "-h") {
      fmt::print(
          "usage: assent doctor [--json]\n\nTries each gate on this machine by doing the forbidden thing in a child "
          "process, and says what is weaker or missing\n"
          "with the exact next step. Exit status: 0 all gates hold, 1 something is missing.\n");
      return kOk;
    } else {
      fmt::print(stderr, "assent: cannot run doctor: unknown option '{}'; see 'assent doctor --help'\n", show(word));
      return kUsage;
    }
  }
  auto state = record::state_directory();
  if (!state) {
    fmt::print(stderr, "assent: {}\n", state.error().what);
    return kFailed;
  }
  std::vector<Probe> probes = launch::probe_floor(*state);
  // The parts together: a real session, and an agent that tries to get past each gate.
  const bool floor_stands = std::ranges::none_of(probes, [](const Probe& p) { return p.health == Health::Missing; });
  if (floor_stands) {
    for (auto& proof : session::prove_gates()) {
      probes.push_back(
          Probe{std::move(proof.name), proof.held ? Health::Ok : Health::Missing, std::move(proof.what),
                proof.held ? "" : "do not run agents here; report this with the output of 'assent doctor --json'"});
    }
    for (auto& probe : session::prove_network()) probes.push_back(std::move(probe));
  }
  const bool missing = std::ranges::any_of(probes, [](const Probe& p) { return p.health == Health::Missing; });
  if (json) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& probe : probes) {
      out.push_back({{"name", probe.name},
                     {"health", launch::name(probe.health)},
                     {"what", probe.what},
                     {"next_step", probe.next_step}});
    }
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return missing ? kNegative : kOk;
  }
  for (const auto& probe : probes) print(probe);
  fmt::print("\n{}\n", missing ? "Something is missing: agents cannot be held here." : "All gates hold.");
  return missing ? kNegative : kOk;
}

}  // namespace assent::cli
