// A pseudo-terminal pair. The agent gets the slave; the master never enters the sandbox.
#pragma once

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::approve {

struct Pty {
  UniqueFd master;  // non-blocking, close-on-exec
  UniqueFd slave;   // blocking, close-on-exec

  static Result<Pty> open();
};

}  // namespace assent::approve
