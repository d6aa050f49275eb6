// The verbs of the command line, a file each. In: the arguments after the verb. Out: the exit status (docs/exit-status
// in assent(1)): 0, 1 for a negative answer, 2 for bad usage, 125 for an internal failure.
#pragma once

#include <span>
#include <string>

namespace assent::cli {

using Arguments = std::span<const std::string>;

int run_main(Arguments arguments);
int watch_main(Arguments arguments);
int pending_main(Arguments arguments);
int approve_main(Arguments arguments);
int deny_main(Arguments arguments);
int web_main(Arguments arguments);
int freeze_main(Arguments arguments);
int thaw_main(Arguments arguments);
int sessions_main(Arguments arguments);
int log_main(Arguments arguments);
int show_main(Arguments arguments);
int verify_main(Arguments arguments);
int check_main(Arguments arguments);
int undo_main(Arguments arguments);
int redo_main(Arguments arguments);
int vault_main(Arguments arguments);
int profile_main(Arguments arguments);
int doctor_main(Arguments arguments);
int completion_main(Arguments arguments);

}  // namespace assent::cli
