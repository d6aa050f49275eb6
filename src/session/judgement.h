// Judgement: one call of the agent on its way through the rooms, from the copied arguments to the reply.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "assent/action.h"
#include "assent/call.h"
#include "assent/decision.h"
#include "assent/question.h"
#include "assent/request.h"
#include "assent/target.h"
#include "resolve/caller.h"
#include "session/calling.h"

namespace assent::session {

struct Judgement {
  Call call;
  resolve::CallerRef caller;
  Action action;
  std::vector<Target> targets;
  Request request;
  Decision decision;
  std::optional<Answer> answer;       // a human's, or a scope's that a human's answer opened
  std::vector<std::size_t> agreed;    // the subjects of the request that such a yes was given to
  std::unique_ptr<Calling> calling;   // of connect and bind only
  std::optional<std::string> unkept;  // why the vault cannot keep what the act takes away: then a human must say yes
  bool copied = false;                // a worker has copied what is large
  int attempts = 0;                   // how often it was judged: somebody was faster than the act
};

}  // namespace assent::session
