// The list of freezes, as it lies on the disk: freezes.json in the state folder (a user's) or in /etc/assent
// (everybody's). Changed whole, by an atomic rename, so a reader never sees half of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "assent/result.h"

namespace assent::session {

inline constexpr const char* kFreezesName = "freezes.json";
inline constexpr const char* kSystemFolder = "/etc/assent";

struct Freeze {
  std::string folder;  // absolute, canonical
  std::string by;      // user's name
  uid_t uid = 0;
  std::string since;  // "2026-11-21T02:15:30Z"

  friend bool operator==(const Freeze&, const Freeze&) = default;
};

// The freezes of a list in `folder`. A list that is not there has none; one that cannot be read is an error, and
// whoever asks must then take everything to be frozen.
Result<std::vector<Freeze>> read_freezes(const std::string& folder);

// False: it was frozen already, or was not frozen. The folder is made where it is not there.
Result<bool> add_freeze(const std::string& folder, Freeze freeze);
Result<bool> remove_freeze(const std::string& folder, const std::string& frozen);

}  // namespace assent::session
