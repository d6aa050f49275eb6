// Rules ready to be matched: patterns compiled, the decision each one leads to made in advance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "decide/argv_pattern.h"
#include "decide/host_pattern.h"
#include "decide/pattern.h"
#include "decide/problem.h"
#include "decide/profile.h"

namespace assent::decide {

// What a rule says, and how strict that is: deny over ask over allow; among questions the one that is harder to answer.
struct Ruling {
  Decision decision;
  std::uint64_t strictness = 0;
};
Ruling ruling(Decision decision);

// What holds for all of a request's subjects.
struct Scene {
  std::uint64_t hits = 0;
};

// A FileSubject with its facts as bits; `recoverable` is looked at only when a rule wants it, and once at most.
class FileFacts {
 public:
  explicit FileFacts(const FileSubject& subject);
  [[nodiscard]] const FileSubject& subject() const { return subject_; }
  [[nodiscard]] OperationSet operation() const { return operation_; }
  [[nodiscard]] bool all(FactSet wanted);  // without Recoverable, which the caller asks for last
  bool recoverable();

 private:
  const FileSubject& subject_;
  OperationSet operation_;
  FactSet known_ = 0;
  std::optional<bool> recoverable_;
};

struct FileMatcher {
  Ruling ruling;
  OperationSet operations = 0;
  FactSet when = 0;
  std::uint64_t after = 0;
  std::uint64_t larger = 0;
  std::vector<Pattern> paths;
  std::string text;  // for `profile show`

  [[nodiscard]] bool matches(FileFacts& facts, const Scene& scene) const;
};

struct NetMatcher {
  Ruling ruling;
  std::vector<HostPattern> hosts;
  std::optional<bool> udp;
  std::string text;

  [[nodiscard]] bool matches(const NetSubject& subject) const;
};

struct ExecMatcher {
  Ruling ruling;
  ArgvPattern argv;
  std::string text;

  [[nodiscard]] bool matches(const ExecSubject& subject) const {
    return argv.matches(subject, ruling.decision.verdict);
  }
};

// What a rule that does not say otherwise takes over.
struct Usual {
  std::chrono::seconds timeout{300};
  std::uint64_t confirm_over = 20;
};

// A profile's rules, compiled and put at the end of the lists. A pattern that is wrong, and a rule that an earlier one
// of the same file leaves nothing for, is a problem.
struct RuleLists {
  std::vector<FileMatcher> file;
  std::vector<NetMatcher> net;
  std::vector<ExecMatcher> exec;

  void append(const Profile& profile, const Places& places, const Usual& usual, Problems& problems);
};

}  // namespace assent::decide
