// Entry: one record as read back: JSON with the exact bytes of what was written. Never throws; what is missing or of
// another type reads as empty.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/file_id.h"

namespace assent::record {

using Json = nlohmann::json;

// None where the text is no JSON object, or one nested deeper than any of ours.
std::optional<Json> parse_record(std::string_view line);

// A byte string: NAME_b64 where there is one, else NAME.
std::string bytes_of(const Json& object, const char* name);
std::vector<std::string> bytes_array_of(const Json& object, const char* name);
std::uint64_t number_of(const Json& object, const char* name);
bool truth_of(const Json& object, const char* name);
// A member object or array; an empty one where there is none.
const Json& child_of(const Json& object, const char* name);

// "device:inode:birth" (docs/audit-log.md). All zero: no id.
FileId read_id(std::string_view text);

// The kind of a line, found without reading the rest: "act", "outcome" …; empty: no line of ours.
std::string_view kind_of(std::string_view line);

// The process and path that an act, exec or question is about, for lists and filters.
struct Subject {
  std::string operation;  // "delete", "connect", "exec"
  std::string object;     // exact bytes: path, or host:port
};
std::vector<Subject> subjects_of(const Json& record);

enum class Judgement { Allowed, Denied, None };  // None: not a record of an act
Judgement judgement_of(const Json& record);

}  // namespace assent::record
