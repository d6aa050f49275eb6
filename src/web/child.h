// child: one program, run to its end. In: its words. Out: its exit status and what it said. It gets nothing of ours but
// the environment, and is killed when its time is over.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "assent/result.h"

namespace assent::web {

struct Ran {
  int status = -1;  // exit status; 128 + signal
  std::string out;
  std::string err;
};

// Blocks. `stop`: do not wait any longer (the program goes on). ETIMEDOUT, EFBIG: it was killed.
// `more`: NAME=VALUE, beside the environment.
Result<Ran> run_program(std::vector<std::string> argv, std::chrono::seconds limit, const std::atomic<bool>& stop,
                        const std::vector<std::string>& more = {});

}  // namespace assent::web
