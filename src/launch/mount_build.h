// Carries MountOrders out in the new mount namespace. Runs in pid 1 before anything else lives inside; allocates
// nothing. Leaves every inherited mount read-only, nosuid, nodev and private.
#pragma once

#include <array>

#include "launch/orders.h"
#include "launch/stage.h"

namespace assent::launch {

// Mounts that every sandbox has some of, made while nobody knows yet where they go. -1: not there, or used up; then it
// is made when it is needed. What is left over is nowhere and goes with its descriptor.
struct Prepared {
  int proc = -1;
  int devpts = -1;
  std::array<int, 3> open_tmpfs{-1, -1, -1};  // mode 01777
  std::array<int, 2> plain_tmpfs{-1, -1};     // mode 0755
  std::array<int, 6> devices{-1, -1, -1, -1, -1, -1};
};
void prepare_mounts(Prepared& prepared);

// False: stage says what failed.
bool build_mounts(const MountOrders& orders, Prepared& prepared, Stage& stage);

// Fills in where and why; returns false so that a failing step can `return failed(...)`.
bool failed(Stage& stage, At at, int code, const char* object);

}  // namespace assent::launch
