// timeline: the record of sessions, as the page shows it. In: a state folder. Out: JSON of which everything that came
// from an agent has passed show(). Reads only. Takes as long as the log is: never on a thread that somebody waits for.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "assent/result.h"

namespace assent::web {

// The newest sessions first. {"sessions": […], "more": how many older ones there are}
Result<nlohmann::json> sessions_json(const std::string& state);

struct Part {
  std::uint64_t after = 0;   // only records behind this number
  std::uint64_t before = 0;  // only records before it; 0: to the end
  bool denied = false;       // only what was refused
};
// The last of what is wanted. {"session": …, "rows": […], "earlier": whether there is more before them}
Result<nlohmann::json> timeline_json(const std::string& state, const std::string& session, const Part& part);

}  // namespace assent::web
