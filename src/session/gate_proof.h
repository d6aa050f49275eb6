// Proves the gates together, for `assent doctor`: runs a real session in a throw-away project, headless, with an agent
// that does the forbidden things, and looks at what is left.
#pragma once

#include <string>
#include <vector>

namespace assent::session {

struct GateProof {
  std::string name;
  bool held = false;
  std::string what;
};

std::vector<GateProof> prove_gates();

}  // namespace assent::session
