// What runs inside between clone3 and the agent's program: the opener, which makes the namespaces and is gone; pid 1,
// which builds the sandbox and then only waits; and the agent's process up to its exec. All are copies of the
// supervisor without an exec, made before it knew what for: what they are to do comes as Orders. They allocate nothing,
// lock nothing, and leave by _exit.
#pragma once

#include <sys/capability.h>

#include <array>
#include <cstdint>

#include "launch/orders.h"
#include "launch/stage.h"

namespace assent::launch {

struct Inside {
  Stage& stage;
  int channel = -1;    // our end of the conversation with the supervisor
  int far_end = -1;    // the supervisor's, inherited; closed at once, else its end would never be noticed
  int far_maker = -1;  // the same of `maker`
  int landlock_abi = 0;
  cap_t no_capabilities = nullptr;
  int name_sockets[2] = {-1, -1};  // made inside; see network.cpp
  int maker = -1;                  // on which pid 1 is asked for sockets; see socket_maker.cpp
  uid_t uid = 0;
  gid_t gid = 0;
  // With the orders:
  std::array<int, 3> stdio{-1, -1, -1};
  int terminal = -1;
  int host_folder = -1;  // see check_floor
  [[nodiscard]] const Orders& orders() const { return *stage.orders; }
};

// Whether programs here would be given IPv6 addresses at all (getaddrinfo's AI_ADDRCONFIG). In the host's network.
bool host_speaks_ipv6();

// Loopback, and what name lookups need. Of pid 1, while it has its rights.
bool raise_network(Inside& inside);
// False: this kernel has no such routes, and relays are not to be had.
bool add_relay_routes(std::uint32_t usual_source, bool speaks_ipv6);

// Answers one request on `maker`. False: nobody will ask any more.
bool make_socket(int maker);

// Makes the namespaces and, as a child of the supervisor's, pid 1. All that is slow about them is done in here, while
// the supervisor reads its profiles.
[[noreturn]] void be_opener(Inside& inside);

// The life of pid 1. When the agent's own process ends, whatever it left behind ends with pid 1, as in a container.
[[noreturn]] void be_init(Inside& inside);

// The life of the agent's process until its program begins.
[[noreturn]] void be_agent(Inside& inside);

}  // namespace assent::launch
