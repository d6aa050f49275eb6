// What the vault has to say of an act: that its object lies there, that its pre-image cannot be kept, that copying it
// takes long.
#include <memory>
#include <utility>

#include "session/gate.h"

namespace assent::session {

// A descriptor from before leads to an object that lies in the vault now. Nobody is asked: there it must stay as it is.
void Gate::deny_held(Judgement judgement) {
  identify(judgement);
  judgement.request.subject = resolve::subjects(judgement.action, judgement.targets, {});
  judgement.decision = Decision{};
  judgement.decision.rule = RuleRef{"built-in", 0};
  judgement.decision.reason = "it was deleted and lies in the vault, where nothing may change it";
  deny(judgement, EPERM);
}

void Gate::weigh_keeping(Judgement& judgement, std::vector<FileSubject>& subjects) {
  if (rooms_.vault != nullptr && !judgement.unkept)
    judgement.unkept = rooms_.vault->why_not(judgement.action, judgement.targets);
  const bool unkept = rooms_.vault == nullptr || judgement.unkept.has_value();
  if (!unkept) return;
  for (auto& subject : subjects) subject.unkept = !subject.own && subject.operation != Operation::Create;
}

// True: the act comes later, when a worker has copied what is large.
bool Gate::copy_first(Judgement& judgement) {
  if (judgement.copied || (judgement.answer && judgement.unkept)) return false;
  auto large = rooms_.vault->large(judgement.action, judgement.targets);
  if (!large) return false;
  judgement.copied = true;
  auto shared = std::make_shared<Judgement>(std::move(judgement));
  auto object = std::make_shared<UniqueFd>(std::move(large->object));
  rooms_.workers.start(
      [vault = rooms_.vault, shared, object, number = large->target] { vault->copy(*object, shared->targets[number]); },
      [this, shared] {
        if (!rooms_.listener.alive(shared->call.id)) return;
        if (auto why = frozen(*shared)) {
          shared->decision.verdict = Verdict::Deny;
          shared->decision.rule = RuleRef{"freeze", 0};
          shared->decision.reason = std::move(*why);
          return deny(*shared, EPERM);
        }
        perform(std::move(*shared));
      });
  return true;
}

// Nothing was done. Where somebody can be asked, the act is judged again as one that cannot be undone; else denied.
void Gate::keeping_failed(Judgement judgement, std::uint64_t sequence, const Error& error, int code) {
  if (!rooms_.log.outcome(sequence, record::Outcome{code})) return reply(judgement.call, ReturnErrno{EPERM});
  if (judgement.unkept && judgement.answer) {
    // A human had said yes to losing it, and it failed all the same.
    return reply(judgement.call, ReturnErrno{code});
  }
  judgement.unkept = "it cannot be undone: " + error.what;
  judgement.targets.clear();
  judgement.answer.reset();
  judgement.agreed.clear();
  ++judgement.attempts;
  file_call(std::move(judgement));
}

}  // namespace assent::session
