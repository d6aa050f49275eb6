// The parts of a session's start that are questions of their own: the policy of this run, the layout the floor is built
// from, the agent's environment.
#pragma once

#include <string>
#include <vector>

#include "assent/result.h"
#include "decide/policy.h"
#include "launch/spec.h"
#include "session/paths.h"
#include "session/run_options.h"

namespace assent::session {

// Where the agent finds this session's denials.
inline constexpr const char* kInnerDenials = "/run/assent/denials.jsonl";

struct Place {
  std::string project;  // canonical
  std::string cwd;      // canonical; inside the project where -C says another one
};
Result<Place> find_place(const RunOptions& options);

// The profiles that were named, or the one that is taken where none was.
std::vector<std::string> chosen_profiles(const RunOptions& options, const std::string& project);

// Every problem of every profile in one error, a line each.
Result<decide::Policy> load_policy(const RunOptions& options, const Paths& paths, const std::string& project);

struct Floorplan {
  launch::Layout layout;
  bool gate_reads = false;  // opening for reading is notified and done by us: something in the project is hidden
  std::vector<std::string> notes;
};
Floorplan plan_layout(const decide::Policy& policy, const Paths& paths, const std::string& project,
                      const std::string& denials_file, const std::string& resolv_conf);

inline constexpr const char* kResolvConfName = "resolv.conf";
// The agent's resolv.conf, in the session's folder. Empty: the machine has none to lay it over; programs then ask
// 127.0.0.1 by themselves.
Result<std::string> write_resolv_conf(const std::string& folder);

std::vector<std::string> agent_environment(const decide::Policy& policy, const std::string& session);

}  // namespace assent::session
