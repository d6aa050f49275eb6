// Outcome: what one act came to. CallerFacts: what of the calling thread the kernel would have looked at.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "assent/file_id.h"
#include "assent/reply.h"

namespace assent::broker {

struct CallerFacts {
  mode_t umask = 022;
  rlim_t file_size_limit = RLIM_INFINITY;  // RLIMIT_FSIZE, the soft limit
};

struct Outcome {
  Reply reply = ReturnErrno{EPERM};
  std::vector<FileId> created;  // made by this act, known exactly: the agent's own from now on
  std::vector<FileId> removed;  // their last name is gone
  bool raced = false;           // nothing done: the name no longer stood for what was judged; judge again
  bool would_block = false;     // nothing done, the Permit is still good: call perform_blocking on a worker thread
  int signal = 0;               // send this to the calling thread (SIGXFSZ), then reply
  // Names (".assent-stage-…", in the directory of the act) that still hold an object because its own name was taken by
  // someone else before it could be put back. Nothing is lost; tell the user and let repair() try again.
  std::vector<std::string> stranded;
};

}  // namespace assent::broker
