// assent: finds the verb and hands the rest of the command line to it.
#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/verbs.h"

namespace {

using namespace assent;

struct Verb {
  std::string_view name;
  std::string_view summary;
  int (*main)(cli::Arguments);
};

constexpr std::array kVerbs{
    Verb{"run", "launch an agent inside the sandbox", cli::run_main},
    Verb{"watch", "questions, sessions and decisions on the whole screen", cli::watch_main},
    Verb{"pending", "the questions that wait", cli::pending_main},
    Verb{"approve", "allow what a question asks", cli::approve_main},
    Verb{"deny", "refuse what a question asks", cli::deny_main},
    Verb{"web", "a way into the web page of the approval daemon", cli::web_main},
    Verb{"freeze", "from now on nobody changes this folder", cli::freeze_main},
    Verb{"thaw", "end a freeze", cli::thaw_main},
    Verb{"sessions", "list the sessions", cli::sessions_main},
    Verb{"log", "what was decided in a session", cli::log_main},
    Verb{"show", "one session or record whole", cli::show_main},
    Verb{"verify", "recompute the audit chain", cli::verify_main},
    Verb{"undo", "put back what a session destroyed or changed", cli::undo_main},
    Verb{"redo", "take an undo back", cli::redo_main},
    Verb{"vault", "what is kept: list, count, prune, drill", cli::vault_main},
    Verb{"check", "say what the profile would decide", cli::check_main},
    Verb{"profile", "list, print, lint, test and create profiles", cli::profile_main},
    Verb{"doctor", "prove each kernel gate on this machine", cli::doctor_main},
    Verb{"completion", "print shell completion", cli::completion_main},
};

void print_usage(std::FILE* out) {
  fmt::print(out, "usage: assent <verb> [options]\n\nNothing is destroyed without a human's assent.\n\n");
  for (const auto& verb : kVerbs) fmt::print(out, "  {:<12}{}\n", verb.name, verb.summary);
  fmt::print(out, "\n'assent <verb> --help' says more; 'assent run -- COMMAND' is where to start.\n");
}

// A closed standard stream would be taken by whatever we open first: the agent would be handed a folder of ours as its
// output, and our own words would go into it.
bool fill_standard_streams() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (!fill_standard_streams()) return cli::kFailed;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    print_usage(stderr);
    return cli::kUsage;
  }
  const std::string& first = words.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print_usage(stdout);
    return cli::kOk;
  }
  if (first == "--version") {
    fmt::print("assent {}\n", ASSENT_VERSION);
    return cli::kOk;
  }
  for (const auto& verb : kVerbs) {
    if (verb.name == first) return verb.main(std::span(words).subspan(1));
  }
  fmt::print(stderr, "assent: cannot run '{}': no such verb; see 'assent --help'\n", show(first));
  return cli::kUsage;
}

#ifdef __SANITIZE_ADDRESS__
// What looks for leaks at the end traces this process, which nobody may.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
extern "C" const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }
#endif
