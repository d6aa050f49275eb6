// Where assent keeps its own things on this machine (cli.md, "Configuration is found at"). None of it is visible
// inside.
#pragma once

#include <string>
#include <vector>

#include "assent/result.h"

namespace assent::session {

struct Paths {
  std::string home;                  // $HOME, canonical
  std::string state;                 // $XDG_STATE_HOME/assent
  std::string config;                // $XDG_CONFIG_HOME/assent
  std::string runtime;               // $XDG_RUNTIME_DIR/assent; empty where there is no runtime folder
  std::string runtime_base;          // $XDG_RUNTIME_DIR
  std::vector<std::string> daemons;  // sockets of approval daemons (approve/daemon_link.h)

  // ENOENT where HOME is unset or no folder: without it, `~` in a profile would name nothing and hide nothing.
  static Result<Paths> from_environment();

  // Our own folders, which the agent neither sees nor changes.
  [[nodiscard]] std::vector<std::string> own_folders() const;
};

// Canonical absolute path of an existing file or folder.
Result<std::string> canonical(const std::string& path);

// The project of a working directory: the git top level above it, else the directory itself. Found by looking for
// ".git" upwards; git is not run.
std::string project_of(const std::string& working_directory);

}  // namespace assent::session
