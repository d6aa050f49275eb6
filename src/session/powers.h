// What the supervisor's own process may do: as little as the work allows.
#pragma once

#include "assent/result.h"

namespace assent::session {

// Before anything is opened: as many descriptors as the hard limit allows, no signal from a full pipe or file limit.
void prepare_process();

// After the sandbox stands: no capabilities (a supervisor of root's then has the rights of root's files alone), no way
// to trace or dump this process.
Status give_up_powers();

}  // namespace assent::session
