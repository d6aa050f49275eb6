// The room `approve`. In: a Question that the policy wants a human to answer. Out: one Answer for it, later, on the
// event loop's thread. It never decides anything itself, never acts, and whatever goes wrong here is a "no".
#pragma once

#include <cstdint>
#include <functional>

#include "assent/question.h"

namespace assent::approve {

using AnswerCallback = std::function<void(const Answer&)>;

// The one interface: somebody, or something, that answers questions.
class Approver {
 public:
  virtual ~Approver() = default;

  // Returns at once. The callback is called exactly once, from the event loop (from inside ask() only where nobody
  // will ever answer), unless the question is cancelled before.
  virtual void ask(Question question, AnswerCallback answered) = 0;

  // The call died: nobody needs the answer any more. The callback is not called. Unknown numbers are no error.
  virtual void cancel(std::uint64_t question) = 0;
};

}  // namespace assent::approve
