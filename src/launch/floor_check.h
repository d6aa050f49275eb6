// The floor tries itself: in the agent's process, with everything but the seccomp filter in force, each forbidden act
// is done. One that goes through, or fails for another reason than the floor's, stops the launch. Allocates nothing.
#pragma once

#include "launch/orders.h"
#include "launch/stage.h"

namespace assent::launch {

// `host_folder`: a folder of the host's own writable mount, in which the supervisor could make a file just now; -1
// where there is none. Closed before the program begins.
bool check_floor(const MountOrders& plan, int host_folder, Stage& stage);

}  // namespace assent::launch
