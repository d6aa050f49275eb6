#include "approve/deny_all.h"

namespace assent::approve {

void DenyAll::ask(Question question, AnswerCallback answered) {
  Answer answer;
  answer.question = question.id;
  answer.consent = Consent::No;
  answer.reason = "needs a human, none is attached";
  answer.who = "headless";
  answered(answer);
}

}  // namespace assent::approve
