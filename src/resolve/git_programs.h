// What git would run by itself, outside the sandbox, when its user next calls it in a repository: hooks, programs that
// the configuration names (with what it includes), commands of a rebase under way.
// In: the repository's folder as the host has it, and what the session changed. Out: a list for people.
// Never: git is not run, nothing is written, nothing waits (what is no regular file is not read), and no more is read
// than the budget says. Makefiles, .envrc, editors' tasks and the like are not looked for: running those is
// somebody's decision, running these is not.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/file_id.h"

namespace assent::resolve {

struct GitProgram {
  std::string what;   // "core.fsmonitor", "hook pre-commit", "rebase"
  std::string value;  // what it is set to; empty for a hook
  std::string file;   // that says so
};

enum class Whose { Session, User };

struct GitLook {
  std::function<bool(const FileId&)> changed;  // by this session
  std::string home;                            // for "~/" in an include
  int files = 2000;                            // how many more may be read
  std::size_t bytes = std::size_t{8} << 20;    // and how much of them
  bool complete = true;                        // false: something was left out, and nothing more is looked at
  std::vector<GitProgram> found;               // a thousand at most
};

// "pre-commit" and the like: git looks for no other names.
[[nodiscard]] bool is_git_hook(std::string_view name);

// `folder` is a repository's (".git", "x.git", a worktree's), or a file that names one. Of the session's own
// everything counts; of the user's only what stands in a file that the session changed. No repository: nothing.
void find_git_programs(const std::string& folder, Whose whose, GitLook& look);

}  // namespace assent::resolve
