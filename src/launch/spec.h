// What a launch is asked for: the layout of the machine as the agent shall see it, and the program to run in it.
// Values only. Every path is absolute, already expanded, bytes as the kernel takes them.
#pragma once

#include <linux/filter.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assent::launch {

// A read-only look at a file or folder of the host in another place (the denials file, an inner resolv.conf).
struct ExtraBind {
  std::string outside;  // on the host; must exist
  std::string inside;   // where the agent finds it
};

enum class ReadGate {
  Open,  // reading is free: nothing inside the gated folders is hidden
  // Something inside a gated folder is masked. The kernel itself refuses to open masked names and whatever replaces
  // them; see grants.h for what stays readable without asking.
  Gated,
};

struct Layout {
  std::string project;             // must lie in `gated` too
  std::vector<std::string> gated;  // seen read-only, each a mount of its own; must exist
  std::vector<std::string> free;   // real folders, writable; one that does not exist is left out and noted
  std::vector<std::string>
      private_folders;              // empty, writable, gone at the end; one without a place is left out and noted
  std::vector<std::string> hidden;  // absent, also after the host's user replaces them; need not exist
  std::vector<std::string> masked;  // inside gated folders: there but empty
  // Folders of ours that nobody but assent replaces: empty inside, wherever they lie. Need not exist.
  std::vector<std::string> covered;
  ReadGate read_gate = ReadGate::Open;
  std::vector<ExtraBind> extra;
};

struct Spec {
  Layout layout;
  std::vector<std::string> argv;         // argv[0] without a slash is searched in PATH of `environment`
  std::vector<std::string> environment;  // NAME=VALUE, exactly what the agent gets
  std::string cwd;
  std::array<int, 3> stdio{0, 1, 2};    // become 0, 1, 2. Folders are refused: they would lead around the floor
  std::optional<int> terminal;          // slave side of a pseudo-terminal: becomes the controlling terminal
  std::span<const sock_filter> filter;  // must leave sendmsg, close, read, write and exit_group alone
  std::string hostname;                 // empty: the host's own
  std::vector<int> ignored_signals;     // stay ignored in the agent (nohup); every other one is reset to its default
};

}  // namespace assent::launch
