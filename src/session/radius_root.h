// Which tree a command is working through, for the blast radius of its first deletion.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assent/process.h"

namespace assent::session {

struct TreeHints {
  std::string project;                    // hints lead to no tree outside it
  std::vector<std::string> open_folders;  // that the process holds open
  std::string answered;  // the tree of an earlier question of the same command and operation that was answered with yes
};

// The operand of the command line that `path` lies in or is ("rm -rf tests": the folder tests). Where there is none:
// what else tells the tree: a name in a script given on the command line, a folder held open, the working directory of
// `git clean`, or what this and an earlier question have in common. Else `path` itself.
// All of that is the agent's own doing, so it only chooses what is counted and shown: an answer binds what was shown.
std::string radius_root(const Process& process, std::string_view path, const TreeHints& hints = {});

// Folders that a process holds open, as it sees them; at most a few hundred descriptors are looked at.
std::vector<std::string> open_folders(pid_t pid);

}  // namespace assent::session
