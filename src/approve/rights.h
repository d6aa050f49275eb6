// Who may answer. Pure: what the profile's rule says, whose session it is, and who the kernel says is asking.
//
//  - approvers named: those users and members of those groups, and nobody else.
//  - none named: whoever runs the session; where two people or another one are wanted, whoever the daemon lets in.
//  - not_self: never the session's own user, in whatever group.
//  - quorum: so many different uids; the same one counts once.
//  - A no is taken from everyone who may say yes, and always from the session's own user: refusing more is safe.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "assent/question.h"

namespace assent::approve {

struct Person {
  uid_t uid = static_cast<uid_t>(-1);
  std::string user;                 // name; the number where the uid has none
  std::vector<std::string> groups;  // names
};

// Why not, or nothing: they may. `owner`: the uid that the session runs as.
std::optional<std::string> why_not_allow(const Question& question, uid_t owner, const Person& person);
std::optional<std::string> why_not_refuse(const Question& question, uid_t owner, const Person& person);

// The user of this machine behind a uid. `gid`: of the process, for a uid that has no entry.
Person person_of(uid_t uid, gid_t gid);

}  // namespace assent::approve
