// Question and Answer: what a human is shown and what a human said. The same on every surface.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/decision.h"
#include "assent/process.h"
#include "assent/request.h"

namespace assent {

// What lies below the tree that a recursive command is working through. Counting is capped in time.
struct Radius {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t not_in_git = 0;       // files that git does not hold unmodified
  std::uint64_t outside_project = 0;  // files outside the project
  bool complete = true;               // false: "at least"
  std::string root;                   // the tree that was counted
};

enum class Recovery {  // from where the act could be taken back
  Vault,
  Git,
  None,    // it cannot be undone
  NoLoss,  // nothing is lost by it: a new file, a move
};

// How far an allowing answer reaches.
enum class Scope {
  Once,     // this one act
  Command,  // this process tree, this operation, this directory
  Session,  // this operation on this directory until the session ends
};

std::string_view name(Scope scope);  // "once" | "command" | "session"
std::optional<Scope> scope_from_name(std::string_view word);

// One person's yes, where a question may need several (quorum).
struct Vote {
  std::string who;  // user's name
  uid_t uid = static_cast<uid_t>(-1);
  std::string from;  // the surface: "assent approve on pts/3" …
  Scope scope = Scope::Once;
  std::chrono::milliseconds took{0};

  friend bool operator==(const Vote&, const Vote&) = default;
};

std::string_view name(Recovery recovery);  // "vault" | "git" | "none" | "no loss"

struct Question {
  std::uint64_t id = 0;  // unique in the session
  std::string session;
  ProcessRef process;
  std::string operation;  // "delete", "connect" …
  std::string object;     // path, or host:port
  std::string other;      // of a rename, the other of its two names (other_word() says which); else empty
  std::optional<Radius> radius;
  Recovery recovery = Recovery::None;
  Decision decision;  // the rule, its reason, quorum, timeout
  std::chrono::system_clock::time_point asked_at;
  std::chrono::steady_clock::time_point deadline;
  std::string confirm;      // non-empty: yes must be typed as exactly these bytes (the number of files, or the host)
  std::vector<Vote> votes;  // who has said yes so far
};

// What stands before `other` for people: an object is renamed "to" it, replaced or made "from" it.
std::string_view other_word(const Question& question);

enum class Consent { Yes, No, Stop };    // Stop: no, and end the agent
std::string_view name(Consent consent);  // "yes" | "no" | "stop"

struct Answer {
  std::uint64_t question = 0;
  Consent consent = Consent::No;
  Scope scope = Scope::Once;
  std::string reason;  // told to the agent where the answer is no
  std::string who;     // "terminal", a user's name, "timeout", "headless"
  uid_t uid = static_cast<uid_t>(-1);
  std::string from;         // the surface it was given on, where that is not the session's own terminal
  std::vector<Vote> votes;  // every yes that it took, where an approval daemon counted them
  std::chrono::milliseconds took{0};
};

}  // namespace assent
