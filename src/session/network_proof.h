// What doctor says of the network: each line from something that was tried.
#pragma once

#include <vector>

#include "launch/probe.h"

namespace assent::session {

std::vector<launch::Probe> prove_network();

}  // namespace assent::session
