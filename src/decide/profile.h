// Profile: one TOML file, read and checked, as values. Nothing is expanded or compiled yet, so the same text can be
// read once and used for any project.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/decision.h"
#include "assent/request.h"
#include "decide/problem.h"

namespace assent::decide {

struct Text {
  std::string value;
  At at;
};
using Texts = std::vector<Text>;

template <class T>
struct Placed {  // a value and where it was written
  T value{};
  At at;
};

enum class Mode { Live, Plan, Freeze };  // ordered: the strictest is the greatest
std::string_view name(Mode mode);
std::optional<Mode> mode_from_name(std::string_view word);

using OperationSet = std::uint8_t;
constexpr OperationSet bit(Operation operation) {
  return static_cast<OperationSet>(1U << static_cast<unsigned>(operation));
}

// The words of `when`. All that are named must hold.
enum class Fact { Own, Recoverable, Replaced, Touched, OwnFolder, ByGit, Unkept };
using FactSet = std::uint8_t;
constexpr FactSet bit(Fact fact) { return static_cast<FactSet>(1U << static_cast<unsigned>(fact)); }
std::string_view name(Fact fact);
std::optional<Fact> fact_from_name(std::string_view word);

// What every kind of rule says once it matches.
struct Say {
  At at;  // of the rule
  Verdict action = Verdict::Deny;
  std::string reason;
  std::optional<int> error;
  std::optional<unsigned> quorum;
  std::vector<std::string> approvers;
  bool not_self = false;
  std::optional<std::chrono::seconds> timeout;
  std::optional<std::uint64_t> confirm_over;
};

struct FileRule {
  Say say;
  OperationSet operations = 0;
  Texts paths;
  FactSet when = 0;
  std::uint64_t after = 0;   // matches once so many distinct objects were hit without a question
  std::uint64_t larger = 0;  // bytes; matches larger ones only; 0: any
};

struct NetRule {
  Say say;
  Texts hosts;
  std::optional<bool> udp;  // none: TCP and unix sockets; a deny rule then means every protocol
  bool sni = false;         // the server name of the TLS hello must match too
};

struct ExecRule {
  Say say;
  Texts argv;
};

struct Expectation {  // [[test]]
  At at;
  Text act;
  FactSet when = 0;  // facts that are true of the object
  std::uint64_t size = 0;
  std::uint64_t hits = 0;
  Verdict expect = Verdict::Ask;
};

struct Variable {
  std::string name;
  std::string value;
  At at;
};

struct Filesystem {
  Texts gated, free, private_, hide, read;
};

struct Vault {
  std::optional<bool> keep;
  std::optional<std::uint64_t> max_file, max_total;  // bytes
  std::optional<std::chrono::seconds> retention;
};

struct Limits {
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<std::uint64_t> processes, open_files;
  std::optional<unsigned> cpu;  // percent of one processor
};

struct Notify {
  std::optional<bool> desktop, bell;
  std::vector<std::string> command;  // run with the question on its standard input
  std::optional<std::string> url;    // the question is posted there
};

struct Profile {
  std::string file;  // as shown to people: "default.toml" for a shipped one, else its path
  std::string name;
  std::string description;
  Texts extends;
  std::optional<Text> project_may;     // "tighten" | "loosen"
  std::vector<std::string> approvers;  // for ask rules that name none

  std::optional<Placed<Verdict>> unmatched;
  std::optional<Placed<std::chrono::seconds>> timeout;
  std::optional<Placed<std::uint64_t>> confirm_over;
  std::optional<Placed<Mode>> mode;

  Filesystem filesystem;
  Texts pass;
  std::vector<Variable> set;
  std::vector<FileRule> file_rules;
  std::vector<NetRule> net_rules;
  std::vector<ExecRule> exec_rules;
  Vault vault;
  Limits limits;
  Notify notify;
  std::vector<Expectation> tests;

  // Sections that widen what the agent may do, and where they stand; a project's own file may not have them.
  std::vector<Text> widening;
};

// Reads one file's text. What is wrong is added to `problems`; what could be read is returned all the same, so that
// one pass finds everything. Never throws. Limit: 1 MiB.
Profile parse_profile(std::string_view text, std::string file, Problems& problems);

}  // namespace assent::decide
