// How a path is spelled: which part is walked to and which name is meant there. Pure; bytes, no encoding.
#pragma once

#include <string_view>

#include "assent/result.h"
#include "assent/target.h"

namespace assent::resolve {

struct Spelled {
  bool absolute = false;
  // What is walked to, seen from the base (the root for an absolute path): no leading slash; empty: the base itself.
  // Where `last` is empty this is the whole path and ends in ".", ".." or is the root.
  std::string_view directory;
  std::string_view last;  // one component, never "." or ".."
  Spelling spelling = Spelling::Plain;
};

// ENOENT for the empty path, ENAMETOOLONG from PATH_MAX on. The views point into `path`.
Result<Spelled> spell(std::string_view path);

// One step of a walk: the component at the beginning of `rest` and what comes after it.
struct Step {
  std::string_view name;   // empty: nothing is left
  std::string_view after;  // begins with a slash, or is empty
  bool last = false;       // only slashes come after it
  bool slash = false;      // at least one slash comes after it
};
Step first_step(std::string_view rest);

// "/" + name → "/name", "/a" + name → "/a/name".
std::string join(std::string_view directory, std::string_view name);

// A directory of the agent's /proc, told from its path ("/proc/12/task/13/fd").
struct ProcDirectory {
  enum class Kind { Root, Process, Descriptors, Other };  // Other: links in it are refused or plain
  Kind kind = Kind::Other;
  pid_t process = 0;  // as the agent counts; 0 for Root and for folders that belong to no process
  pid_t thread = 0;   // 0: the process as a whole
};
ProcDirectory proc_directory(std::string_view path);

// A decimal number without sign, spaces or leading zeros that fits an int; -1 otherwise.
int decimal(std::string_view text);

}  // namespace assent::resolve
