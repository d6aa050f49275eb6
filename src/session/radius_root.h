// Which tree a command is working through, for the blast radius of its first deletion.
#pragma once

#include <string>
#include <string_view>

#include "assent/process.h"

namespace assent::session {

// The operand of the command line that `path` lies in or is ("rm -rf tests": the folder tests), else `path` itself.
// The agent wrote that command line, so this only chooses what is counted and shown: an answer binds what was shown.
std::string radius_root(const Process& process, std::string_view path);

}  // namespace assent::session
