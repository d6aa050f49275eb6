// LinkEnd: where a symbolic link leads, as the agent means it: a text to go on with, or an object.
#pragma once

#include <string>
#include <string_view>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "resolve/caller.h"

namespace assent::resolve {

struct LinkEnd {
  std::string text;  // never empty where `object` is
  UniqueFd object;   // of a link below /proc/PID: a descriptor, working directory, root or program
};

// `link`: an O_PATH descriptor of the link `name` in `directory`, both in the agent's view. `proc`: our own /proc.
// /proc/self is the caller; /proc/PID only ever a process of the sandbox. Links to namespaces and mapped files have no
// use in writing and are refused (EACCES).
Result<LinkEnd> read_link(int proc, Caller& caller, int directory, std::string_view name, int link);

}  // namespace assent::resolve
