// Query: which records of a log are wanted. All that is given must hold.
#pragma once

#include <optional>
#include <string>

#include "record/entry.h"

namespace assent::record {

struct Query {
  bool denied = false;               // acts that were refused, and answers of no
  std::optional<std::string> path;   // the object is this path, lies below it, or matches this glob (*, ?, [a-z])
  std::optional<std::string> since;  // not before this time, as in the record: "2026-11-21T02:15", any length

  [[nodiscard]] bool matches(const Json& record) const;
};

}  // namespace assent::record
