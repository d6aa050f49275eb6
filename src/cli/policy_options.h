// What `check` and `profile` share: which project, which profiles, and how problems are told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assent/result.h"
#include "decide/policy.h"

namespace assent::cli {

// The project: `directory` where it is given, else the git top level of the working directory, else that directory.
// Absolute and canonical.
Result<std::string> find_project(const std::optional<std::string>& directory);

// Loads what a session in this project would load; `profiles` empty: the default one.
tl::expected<decide::Policy, decide::Problems> load_policy(const std::string& project,
                                                           const std::vector<std::string>& profiles,
                                                           decide::Layers layers);

// On standard error, one a line, with a head that says what could not be done.
void print_problems(std::string_view doing, const decide::Problems& problems);

}  // namespace assent::cli
