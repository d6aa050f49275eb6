// heads.jsonl: one chained line where a session begins and one where it ends, for all sessions of a state folder, so
// that a session which vanishes whole, or is cut after its end, is found. A new session's first record holds the hash
// of the list's last line, so the list cannot be cut behind it either.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "record/chain.h"

namespace assent::record {

inline constexpr const char* kHeadsName = "heads.jsonl";

enum class HeadEvent { Begin, End };

struct Head {
  HeadEvent event = HeadEvent::Begin;
  std::string session;
  std::uint64_t sequence = 0;  // of the session's record
  HashText hash{};             // of that record
};

// The list, locked against other writers as long as it lives.
class Heads {
 public:
  // Waits for other writers, at most a few seconds (EAGAIN).
  static Result<Heads> lock(const std::string& state);

  [[nodiscard]] const HashText& last() const { return last_; }
  [[nodiscard]] const std::string& last_session() const { return last_session_; }
  // Written, not synced: see AuditLog::sync_place.
  Status append(const Head& head);

 private:
  explicit Heads(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  HashText last_ = genesis();
  std::uint64_t sequence_ = 0;
  std::string last_session_;
};

struct HeadList {
  std::vector<Head> heads;
  std::vector<HashText> lines;  // hash of each line; a session's `heads` member is one of them, or genesis()
  std::uint64_t bad_line = 0;   // first line that breaks the chain, 0: none. A torn last line is no break.
};
Result<HeadList> read_heads(const std::string& state);

}  // namespace assent::record
