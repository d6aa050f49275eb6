// verify: recomputes the chain of a session and holds it against the list of heads. Reads only. What it cannot see:
// somebody with the user's own rights who rewrites everything, the list of heads included, behind the last head that
// was written down elsewhere. The head it prints is for that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "record/chain.h"

namespace assent::record {

enum class Damage {
  Changed,     // the bytes of a record are not those that were hashed
  Dropped,     // records are missing in the middle
  Swapped,     // records stand in another order
  Duplicated,  // a record stands there again
  Cut,         // records are missing at the end
  Torn,        // the last record is half written (a power failure does that; the next start repairs it)
  Foreign,     // not of this session, or written after its end
  Missing,     // the whole session is gone
  Heads,       // the list of heads itself is damaged, or does not know the session
};
std::string_view name(Damage damage);

enum class SessionState { Running, Ended, Crashed };
std::string_view name(SessionState state);

struct Bad {
  std::uint64_t line = 0;  // of audit.jsonl (or heads.jsonl for Heads), 0: the session as a whole
  Damage damage = Damage::Changed;
  std::string detail;  // safe to show
};

struct Verification {
  std::string session;
  SessionState state = SessionState::Ended;
  std::uint64_t records = 0;  // good ones, from the start
  HashText head{};            // hash of the last good one
  std::optional<Bad> bad;     // the first bad place; none: sound
};

Verification verify(const std::string& state, const std::string& session);

// Every session on disk and every one the list of heads knows; damage of the list itself comes first, without a
// session.
Result<std::vector<Verification>> verify_all(const std::string& state);

}  // namespace assent::record
