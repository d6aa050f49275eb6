// What runs inside between clone3 and the agent's program: pid 1, which builds the sandbox and then only waits, and the
// agent's process up to its exec. Both are copies of the supervisor without an exec, so everything they need was
// prepared before; they allocate nothing, lock nothing, and leave by _exit.
#pragma once

#include <sys/capability.h>

#include <cstdint>
#include <span>

#include "launch/mount_plan.h"
#include "launch/spec.h"
#include "launch/stage.h"

namespace assent::launch {

struct Inside {
  const Spec& spec;
  const MountPlan& plan;
  Stage& stage;
  int channel = -1;      // our end of the conversation with the supervisor
  int far_end = -1;      // the supervisor's, inherited; closed at once, else its end would never be noticed
  int host_folder = -1;  // see check_floor
  int landlock_abi = 0;
  cap_t no_capabilities = nullptr;
  bool host_speaks_ipv6 = false;
  int name_sockets[2] = {-1, -1};  // made inside; see network.cpp
  int maker = -1;                  // on which pid 1 is asked for sockets; see socket_maker.cpp
  uid_t uid = 0;
  gid_t gid = 0;
  std::span<int> descriptors;          // room for plan.early
  std::span<int> seals;                // room for the sealed steps
  std::span<char* const> argv;         // null-terminated
  std::span<char* const> environment;  // null-terminated
  std::span<char* const> programs;     // what to try to exec, in order; null-terminated
};

// Loopback, and what name lookups need. Of pid 1, while it has its rights.
bool raise_network(Inside& inside);
// False: this kernel has no such routes, and relays are not to be had.
bool add_relay_routes(std::uint32_t usual_source, bool speaks_ipv6);

// Answers one request on `maker`. False: nobody will ask any more.
bool make_socket(int maker);

// The life of pid 1. When the agent's own process ends, whatever it left behind ends with pid 1, as in a container.
[[noreturn]] void be_init(Inside& inside);

// The life of the agent's process until its program begins.
[[noreturn]] void be_agent(Inside& inside);

}  // namespace assent::launch
