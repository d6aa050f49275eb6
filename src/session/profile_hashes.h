// Which profile texts a session ran under, for its first record.
#pragma once

#include <string>
#include <vector>

#include "record/act.h"

namespace assent::session {

// `files` as the policy names them: a path, or a shipped profile's file name.
std::vector<record::ProfileFile> profile_hashes(const std::vector<std::string>& files);

}  // namespace assent::session
