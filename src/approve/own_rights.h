// OwnRights: stands before a surface that only the session's own user can reach (the terminal). A question that this
// user alone may not allow is a no at once, with the reason, instead of a yes that counts for more than it is.
#pragma once

#include <memory>

#include "approve/approver.h"
#include "approve/rights.h"

namespace assent::approve {

class OwnRights final : public Approver {
 public:
  OwnRights(std::unique_ptr<Approver> surface, Person self) : surface_(std::move(surface)), self_(std::move(self)) {}

  void ask(Question question, AnswerCallback answered) override;
  void cancel(std::uint64_t question) override { surface_->cancel(question); }

 private:
  std::unique_ptr<Approver> surface_;
  Person self_;
};

}  // namespace assent::approve
