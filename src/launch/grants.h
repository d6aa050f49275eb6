// Landlock, the floor's second layer: what may be written whichever mount it is reached through. The read-only view
// cannot hold where the agent was given a descriptor of the host's own mount (an approved write, its standard input):
// opening that anew through /proc/self/fd would be a write on a writable mount. Landlock refuses it, for the rights
// are tied to the inodes of the private and free folders.
//
// Not handled: the network rights (the namespace is empty, and programs must listen and connect on its loopback), and
// reading, except behind the read gate. There the right to read is granted by name: to every entry of the folders that
// lead to something masked, but not to those folders themselves. So a masked file cannot be opened, nor can a new
// file that the host's user puts in its place by rename; neither can any other file that is new in exactly those
// folders, which the supervisor then opens for the agent. (Landlock asks for the right to read at exec as well, so the
// gated folders cannot be left out as a whole: nothing in them could be run. A program that is new in exactly those
// folders cannot be run.)
#pragma once

#include <array>
#include <cstdint>

#include "launch/orders.h"
#include "launch/stage.h"

namespace assent::launch {

// The highest ABI of this kernel; 0 where there is no Landlock.
int landlock_abi();

// Every write right that this ABI knows; beyond it, 0.
std::uint64_t landlock_write_rights(int abi);

// Binds the calling process for good. Needs no_new_privs; allocates nothing. Terminals among `stdio` may be opened
// anew by the agent (/dev/stderr). With abi 0 it does nothing.
bool enforce_landlock(const MountOrders& plan, int abi, ReadGate read_gate, const std::array<int, 3>& stdio,
                      Stage& stage);

}  // namespace assent::launch
