// Sessions whose supervisor was killed: before a new one starts, their records are completed and what was half done is
// put back.
#pragma once

#include <string>
#include <vector>

namespace assent::session {

// Sentences for people: what was put back, and what could not be.
std::vector<std::string> mend_past_sessions(const std::string& state);

}  // namespace assent::session
