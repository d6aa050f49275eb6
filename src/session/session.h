// session: wires the rooms together and runs one agent in them. The one place that knows two rooms.
// In: what `assent run` was asked to do. Out: the exit status of the command line, or why nothing could be started.
// Never: decides, acts or shows anything by itself; the rooms do.
#pragma once

#include <utility>

#include "assent/result.h"
#include "launch/sandbox.h"
#include "session/run_options.h"

namespace assent::session {

// What takes long and needs to know nothing of the options: begun first of all, best on a single thread.
class Early {
 public:
  static Early begin();
  launch::Launch launch;

 private:
  explicit Early(launch::Launch begun) : launch(std::move(begun)) {}
};

// Runs to the end of the agent. An error: nothing was run.
Result<int> run(const RunOptions& options, Early early = Early::begin());

}  // namespace assent::session
