// session: wires the rooms together and runs one agent in them. The one place that knows two rooms.
// In: what `assent run` was asked to do. Out: the exit status of the command line, or why nothing could be started.
// Never: decides, acts or shows anything by itself; the rooms do.
#pragma once

#include "assent/result.h"
#include "session/run_options.h"

namespace assent::session {

// Runs to the end of the agent. An error: nothing was run.
Result<int> run(const RunOptions& options);

}  // namespace assent::session
