// OuterSockets: the unix sockets of the host that a rule allows and that the agent would not see, because they lie in a
// folder that is new in every sandbox (/run, /tmp). In: the policy. Out: their paths, to be shown where they are. Never
// connects to one; a socket that is made later is not seen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "decide/policy.h"

namespace assent::session {

std::vector<std::string> outer_sockets(const decide::Policy& policy);

// The paths in a text like /proc/net/unix, each once, abstract names left out.
std::vector<std::string> bound_paths(std::string_view table);

}  // namespace assent::session
