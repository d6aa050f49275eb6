// Denials: what the agent is told. In: acts that were refused. Out: denials.jsonl, which the agent sees read-only as
// $ASSENT_DENIALS, and the one line for the stderr of the failing process, at most one a process and rule. Not the
// truth (that is audit.jsonl), and bounded: an agent that is denied for ever does not fill the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "assent/decision.h"
#include "assent/result.h"
#include "assent/unique_fd.h"
#include "record/clock_text.h"

namespace assent::record {

enum class MayAsk { No, Yes };  // whether a human may still allow it

struct Denial {
  std::uint64_t process = 0;
  std::string_view operation;  // "delete"
  std::string_view object;     // bytes: absolute path, or host:port
  RuleRef rule;
  std::string_view reason;  // "needs a human, none is attached"
  std::string_view suggestion = {};
  MayAsk may_ask = MayAsk::No;
  int error = EPERM;
  std::uint64_t record = 0;  // sequence number in audit.jsonl
};

class DenialsFile {
 public:
  static constexpr std::size_t kMaxBytes = 4U << 20;

  // denials.jsonl in the session's folder, 0644: it is bound into the sandbox.
  static Result<DenialsFile> create(int session_directory);

  // Writes the record. Gives the line for stderr (with newline) where this process has had none for this rule; `cwd` is
  // the process's. A failed write loses only the agent's copy, so it is not an error.
  std::optional<std::string> add(const Denial& denial, std::string_view cwd);
  // A process id that is never used again.
  void forget(std::uint64_t process);

 private:
  explicit DenialsFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  ClockText clock_;
  std::size_t size_ = 0;
  bool full_ = false;
  std::set<std::pair<std::uint64_t, std::string>> told_;
};

// assent: denied delete src/a.c: needs a human, none is attached (default.toml:31); see $ASSENT_DENIALS
// The path is relative to `cwd` where it lies below it. Without newline; safe for a terminal.
std::string denial_line(const Denial& denial, std::string_view cwd);

}  // namespace assent::record
