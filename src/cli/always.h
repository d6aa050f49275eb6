// assent approve --always: an answer that becomes a rule of the user's own profile. In: a question that waits, and the
// session that asks. Out: the rule, where it would stand, and proof that with it the same act is not asked any more;
// then the profile with the rule in it. Nothing is written before that proof, and never half.
#pragma once

#include <string>
#include <vector>

#include "approve/message.h"
#include "assent/result.h"

namespace assent::cli {

struct AlwaysRule {
  std::string path;     // of the profile
  int line = 0;         // where the rule will stand
  bool is_new = false;  // the profile does not exist yet
  std::string rule;     // TOML
  std::string before;   // the profile's text as it was read
  std::string after;
};

// `session`: who asks, as the daemon says. EPERM: no rule of the user may lift this question; EINVAL: none can be
// written that does; ESTALE: profiles say something else now.
Result<AlwaysRule> plan_always(const approve::message::Waiting& waiting, const approve::SessionFacts& session);

// What was shown of it, in a few letters: two that differ in anything differ in these.
std::string seal_of(const AlwaysRule& planned);

// ESTALE: the profile was changed meanwhile.
Status add_always(const AlwaysRule& planned);

}  // namespace assent::cli
