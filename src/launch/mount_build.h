// Carries a MountPlan out in the new mount namespace. Runs in pid 1 before anything else lives inside; allocates
// nothing. Leaves every inherited mount read-only, nosuid, nodev and private.
#pragma once

#include <span>

#include "launch/mount_plan.h"
#include "launch/stage.h"

namespace assent::launch {

// `descriptors` has room for plan.early; `seals` for the steps that are sealed. False: stage says what failed.
bool build_mounts(const MountPlan& plan, std::span<int> descriptors, std::span<int> seals, Stage& stage);

// Fills in where and why; returns false so that a failing step can `return failed(...)`.
bool failed(Stage& stage, At at, int code, const char* object);

}  // namespace assent::launch
