// Reply: what the agent's call returns. There is no way to say "continue" without a FloorProof.
#pragma once

#include <cstdint>
#include <variant>

#include "assent/floor_proof.h"
#include "assent/unique_fd.h"

namespace assent {

struct ReturnValue {
  std::int64_t value = 0;
};
struct ReturnErrno {
  int code;  // positive errno
};
enum class CloseOnExec { No, Yes };
struct ReturnDescriptor {  // a copy of `fd` is placed into the agent, and its number is the result
  UniqueFd fd;
  CloseOnExec close_on_exec = CloseOnExec::No;
};
class Continue {  // the kernel carries the call out with whatever the arguments are by then
 public:
  explicit Continue(FloorProof) {}
};

using Reply = std::variant<ReturnValue, ReturnErrno, ReturnDescriptor, Continue>;

}  // namespace assent
