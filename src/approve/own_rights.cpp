#include "approve/own_rights.h"

#include <fmt/format.h>

namespace assent::approve {

void OwnRights::ask(Question question, AnswerCallback answered) {
  auto why = why_not_allow(question, self_.uid, self_);
  if (!why && question.decision.quorum > 1)
    why = fmt::format("it needs the yes of {} people, and this terminal is one's", question.decision.quorum);
  if (!why) return surface_->ask(std::move(question), std::move(answered));
  Answer no;
  no.question = question.id;
  no.consent = Consent::No;
  no.reason = *why + "; run 'assentd --system' so that others can answer";
  no.who = "assent";
  answered(no);
}

}  // namespace assent::approve
