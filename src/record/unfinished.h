// STATE/unfinished/ID: a name for each session whose audit.pending is still there, so that a start need not look into
// every session there ever was. A name too many costs a look. None is ever missing: it is there before the session's
// audit.pending and goes after it; and until somebody who looked into every session has said so
// (`.whole`), nobody relies on the folder.
#pragma once

#include <string>
#include <vector>

#include "assent/result.h"

namespace assent::record {

// For a session whose log has just been made and locked, in its open folder: from then on nobody takes the name away
// while the session runs.
Status enter_unfinished(const std::string& state, const std::string& session, int directory);
// Once audit.pending is gone. What cannot be removed is looked at again by the next start.
void leave_unfinished(const std::string& state, const std::string& session);

struct Unfinished {
  std::vector<std::string> sessions;  // oldest first
  bool whole = false;                 // false: the folder cannot be relied on; these are all sessions that there are
};
Result<Unfinished> list_unfinished(const std::string& state);

// Where list_unfinished() gave all, once they were looked at: `left` are those that are not finished.
void complete_unfinished(const std::string& state, const std::vector<std::string>& left);

}  // namespace assent::record
