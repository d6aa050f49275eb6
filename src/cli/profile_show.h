// A policy as `assent profile show` prints it: every setting and rule, in the order they are looked at, with its
// origin.
#pragma once

#include <string>

#include "decide/policy.h"

namespace assent::cli {

std::string policy_text(const decide::Policy& policy);
std::string policy_json(const decide::Policy& policy);

}  // namespace assent::cli
