// DenyAll: nobody is there (--headless). Every question is a no, at once. Holds nothing, opens nothing.
#pragma once

#include "approve/approver.h"

namespace assent::approve {

class DenyAll final : public Approver {
 public:
  void ask(Question question, AnswerCallback answered) override;
  void cancel(std::uint64_t) override {}
};

}  // namespace assent::approve
