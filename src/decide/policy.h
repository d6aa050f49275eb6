// decide: what the profiles say of a request.
//
// In: profiles as text (from /etc/assent, the user, the project, the command line, and the ones built in), and requests
// made from pinned objects. Out: a decision with the rule that led to it (file:line); settings for the floor.
// Never: touches a file after loading, asks anybody, remembers a request, or throws. A decision is a pure function of
// the request. Anything that is wrong in a profile is a problem with its place, and then there is no Policy at all.
//
// Layers: built-in > /etc/assent > user > profile (-p) > project > command line. Within a layer the first rule that
// matches decides; across layers the strictest wins; a layer that does not match has no say; where none has,
// `unmatched`. The project's own file can only make things stricter, unless the user's profile says project_may =
// "loosen" and the user has trusted the file.
#pragma once

#include <tl/expected.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/decision.h"
#include "assent/request.h"
#include "decide/problem.h"
#include "decide/profile.h"
#include "decide/settings.h"

namespace assent::decide {

enum class Trust { No, Yes };
enum class Layers { All, ProfileOnly };  // ProfileOnly: neither /etc, nor the user's, nor the project's file

struct LoadOptions {
  Places places;
  std::vector<std::string> profiles{"default"};  // names or files; later ones add rules in front
  Layers layers = Layers::All;
  std::string etc = "/etc/assent";
  std::string config;  // $XDG_CONFIG_HOME/assent; empty: none
  std::vector<std::string> shares{"/usr/local/share/assent", "/usr/share/assent"};  // hold profiles/NAME.toml
  std::vector<std::string> protect;  // assent's own state, sockets and vaults, beside etc and config
  Trust project = Trust::No;         // whether the user trusts the project's .assent.toml as it is now
  bool expectations = true;          // false: nobody will ask for those of shipped profiles, half of their text
  // One-off additions of the command line.
  std::vector<std::string> allow_hosts, write, read, hide, environment;
  std::optional<std::chrono::seconds> timeout;
  std::optional<Mode> mode;
};

// Options for the user this process runs as: HOME, XDG folders, TMPDIR from the environment (the password file where
// HOME is missing). `project` must be absolute and canonical.
LoadOptions load_options(std::string project);
std::vector<std::string> profile_folders(const LoadOptions& options);

// The strictest say of all subjects, without copying it. Lives as long as the Policy.
struct Judgement {
  const Decision* decision = nullptr;  // its `subject` is not filled in
  std::size_t subject = 0;
};

class Policy {
 public:
  // Either a policy, or everything that is wrong (never an empty list).
  static tl::expected<Policy, Problems> load(const LoadOptions& options);

  // The hot way: no allocation.
  [[nodiscard]] Judgement judge(const Request& request) const;
  // What is said of connects to a host of this name (lower case) at whatever port it says the most of: whether the name
  // may be looked up at all.
  [[nodiscard]] Judgement judge_name(const std::string& name) const;
  // Loopback inside is the agent's own, but where a rule that is not a denial names an address of loopback and the
  // port: then it is the host's.
  [[nodiscard]] bool names_host_loopback(const NetSubject& subject) const;
  // Whether a rule that says `udp`, and is not a denial, names this datagram's destination.
  [[nodiscard]] bool says_udp(const NetSubject& subject) const;
  // Whether there is such a rule at all.
  [[nodiscard]] bool says_udp() const;
  // The same as a value of its own.
  [[nodiscard]] Decision decide(const Request& request) const;

  // Whether the path, or a folder it lies in, matches `hide`.
  [[nodiscard]] bool hidden(std::string_view path) const;
  // Where the path would lie in the sandbox. For `check` and tests: a session goes by mount ids instead.
  [[nodiscard]] Zone zone_of(std::string_view path) const;

  [[nodiscard]] const Settings& settings() const;
  // NAME=VALUE for the agent: what the profile passes of `host` (a null-terminated array), then what it sets.
  [[nodiscard]] std::vector<std::string> environment(const char* const* host) const;

  struct RuleLine {
    std::string layer;
    RuleRef origin;
    Verdict verdict;
    std::string text;
  };
  [[nodiscard]] std::vector<RuleLine> rules() const;     // in the order they are looked at
  [[nodiscard]] std::vector<std::string> files() const;  // every profile file that was read, front to back
  struct Expected {
    std::string file;
    Expectation expectation;
  };
  // [[test]] of the profiles that were named (not of those they extend), and of the project's file.
  [[nodiscard]] const std::vector<Expected>& expectations() const;
  [[nodiscard]] const Places& places() const;

 private:
  struct Compiled;
  explicit Policy(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// What becomes of a question that nobody can answer.
Decision headless(Decision decision);
// What `freeze` makes of any gated act.
Decision frozen(std::string reason);

}  // namespace assent::decide
