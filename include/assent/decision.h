// Decision: what the policy says of a Request, and why. Ask becomes Allow or Deny through a human's answer.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assent {

enum class Verdict { Allow, Ask, Deny };  // ordered: the strictest is the greatest

std::string_view name(Verdict verdict);  // "allow" | "ask" | "deny"

// Where a rule stands. line 0: not a rule of a file (built in, or the command line).
struct RuleRef {
  std::string file;  // as shown to people: "default.toml", "/etc/assent/profile.toml", "built-in", "command line"
  int line = 0;

  friend bool operator==(const RuleRef&, const RuleRef&) = default;
};

std::string to_string(const RuleRef& rule);  // "default.toml:31", "built-in"

// Any: a connection is judged by its address alone. Match: what it carries must be TLS, and ask for a server by a name
// that was looked up for the address and is allowed.
enum class ServerName { Any, Match };

struct Decision {
  Verdict verdict = Verdict::Deny;
  RuleRef rule;
  std::string reason;                  // the rule's own words, may be empty
  int error = EPERM;                   // what the agent gets where the answer is no
  std::size_t subject = 0;             // index of the FileSubject that was strictest
  unsigned quorum = 1;                 // how many different people must say yes
  std::vector<std::string> approvers;  // user names and "group:NAME"; empty: whoever runs the session
  bool not_self = false;               // the session's own user may not answer
  std::chrono::seconds timeout{300};
  std::uint64_t confirm_over = 20;  // typed confirmation above so many files
  ServerName server_name = ServerName::Any;
};

}  // namespace assent
