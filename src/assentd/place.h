// Place: where the daemon listens, and that it is the only one there. In: a path, or a descriptor from a service
// manager. Out: a listening socket that only those it is meant for can reach.
#pragma once

#include <string>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::assentd {

enum class Audience {
  User,    // the folder is 0700, the socket 0600: one user
  System,  // 0660 and a group: everybody in it
};

struct Place {
  UniqueFd listener;
  UniqueFd lock;     // held while the daemon lives
  std::string path;  // of the socket
};

// The usual path. ENOENT: XDG_RUNTIME_DIR is not set.
Result<std::string> usual_socket(Audience audience);

// EADDRINUSE: a daemon runs there already. `group`: of the socket, for Audience::System.
Result<Place> take_place(const std::string& socket, Audience audience, const std::string& group);

}  // namespace assent::assentd
