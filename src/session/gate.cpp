#include "session/gate.h"

#include <algorithm>
#include <utility>

#include "base/remote_memory.h"
#include "broker/arguments.h"
#include "decode/decode.h"

namespace assent::session {

namespace {

// Where distributions put git. The agent cannot change these folders or mount over them, and no profile should make
// them free; a git of the agent's own is only a program.
bool is_git(std::string_view exe) {
  return exe == "/usr/bin/git" || exe.starts_with("/usr/lib/git-core/") || exe.starts_with("/usr/libexec/git-core/");
}

}  // namespace

bool Gate::serve(notify::Readiness readiness) {
  auto received = waited_for_ ? std::move(*waited_for_) : rooms_.listener.receive(readiness);
  waited_for_.reset();
  if (!received) return received.error().code != ESHUTDOWN;
  if (received->has_value()) handle(**received);
  return true;
}

void Gate::handle(const Call& call) {
  auto caller = rooms_.callers.pin(call);
  if (!caller) return reply(call, ReturnErrno{EPERM});
  auto action = decode::decode(call, RemoteMemory(call.tid));
  // Only if the call still waits were the thread and the memory those of the one who called.
  if (!rooms_.listener.alive(call.id)) return;
  if (!action) return reply(call, ReturnErrno{action.error().code});

  Judgement judgement;
  judgement.call = call;
  judgement.caller = std::move(*caller);
  judgement.action = std::move(*action);
  judgement.request.call = decode::call_name(call.number);
  if (const auto* act = std::get_if<Exec>(&judgement.action)) {
    const Exec copy = *act;
    return exec(std::move(judgement), copy);
  }
  if (const auto* act = std::get_if<Connect>(&judgement.action)) {
    const Connect copy = *act;
    return connect(std::move(judgement), copy);
  }
  if (const auto* act = std::get_if<Bind>(&judgement.action)) {
    const Bind copy = *act;
    return bind(std::move(judgement), copy);
  }
  if (const auto* act = std::get_if<Send>(&judgement.action)) {
    const Send copy = *act;
    return send(std::move(judgement), copy);
  }
  if (const auto* act = std::get_if<Listen>(&judgement.action)) return listen(call, judgement.caller, *act);
  if (std::holds_alternative<ChangeDirectory>(judgement.action) ||
      std::holds_alternative<ChangeUmask>(judgement.action)) {
    return observe(call, judgement.caller, judgement.action);
  }
  if (const auto* check = std::get_if<CheckAccess>(&judgement.action)) return check_access(judgement, *check);
  file_call(std::move(judgement));
}

void Gate::identify(Judgement& judgement) {
  judgement.request.process = judgement.caller->process();
  rooms_.exits.watch(judgement.caller->process_id(), judgement.caller->process_end());
}

void Gate::observe(const Call& call, const resolve::CallerRef& caller, const Action& action) {
  const auto proof = rooms_.floor.proof(launch::CallKind::Observe, Zone::Read);
  if (!proof) return reply(call, ReturnErrno{EPERM});
  rooms_.callers.observe(caller, action);
  reply(call, Continue(*proof));
}

// An answer is no act: neither decided nor recorded. In gated folders it is the host's, where the broker would act;
// elsewhere the floor decides what may be written, so the kernel knows.
void Gate::check_access(const Judgement& judgement, const CheckAccess& check) {
  auto targets = rooms_.resolver.resolve(judgement.action, *judgement.caller);
  if (!targets) return reply(judgement.call, ReturnErrno{targets.error().code});
  const Target& target = targets->front();
  if (target.zone == Zone::Gated) return reply(judgement.call, rooms_.broker.check_access(check, target).reply);
  const auto proof = rooms_.floor.proof(launch::CallKind::Observe, Zone::Read);
  if (!proof) return reply(judgement.call, ReturnErrno{EPERM});
  reply(judgement.call, Continue(*proof));
}

void Gate::exec(Judgement judgement, const Exec& act) {
  const auto proof = rooms_.floor.proof(launch::CallKind::Exec, Zone::Read);
  if (!proof) return refuse(judgement, Error{EPERM, "the floor is not proved for execve"});
  // A shell tries every folder of PATH: a program that is not there is no act, and the kernel says so itself.
  auto program = rooms_.resolver.resolve(judgement.action, *judgement.caller);
  if (!program || (!program->empty() && !program->front().exists() && !program->front().agent_object.valid())) {
    rooms_.callers.observe(judgement.caller, judgement.action);
    return reply(judgement.call, Continue(*proof));
  }
  identify(judgement);
  judgement.request.subject =
      ExecSubject{program->empty() || program->front().path.empty() ? act.path.path : program->front().path, act.argv};
  judgement.decision.verdict = Verdict::Allow;
  judgement.decision.rule = RuleRef{"built-in", 0};
  const record::Act recorded{&judgement.request, &judgement.decision};
  if (auto status = rooms_.log.exec(recorded); !status) return reply(judgement.call, ReturnErrno{EPERM});
  rooms_.callers.observe(judgement.caller, judgement.action);
  rooms_.questions.forget_process(judgement.caller->process_id());
  reply(judgement.call, Continue(*proof));
}

void Gate::file_call(Judgement&& judgement) {
  if (auto code = broker::invalid_arguments(judgement.action)) return reply(judgement.call, ReturnErrno{*code});
  if (broker::nothing_to_do(judgement.action)) return reply(judgement.call, ReturnValue{0});
  auto targets = rooms_.resolver.resolve(judgement.action, *judgement.caller);
  if (!targets) return reply(judgement.call, ReturnErrno{targets.error().code});
  judgement.targets = std::move(*targets);

  if (const auto* open = std::get_if<Open>(&judgement.action); open != nullptr && resolve::only_reads(*open)) {
    const Open copy = *open;
    return open_to_read(std::move(judgement), copy);
  }
  if (rooms_.vault != nullptr && rooms_.vault->holds(judgement.targets)) return deny_held(std::move(judgement));
  if (resolve::where(judgement.targets) == resolve::Where::Floor) return on_the_floor(std::move(judgement));
  decide(std::move(judgement));
}

void Gate::decide(Judgement&& judgement) {
  resolve::Facts facts;
  if (rooms_.recoverable) facts.recoverable = rooms_.recoverable;
  auto subjects = resolve::subjects(judgement.action, judgement.targets, facts);
  identify(judgement);
  if (subjects.empty()) {  // changes nothing that rules are about
    if (const auto* open = std::get_if<Open>(&judgement.action)) {
      const Open copy = *open;
      return open_what_is_there(std::move(judgement), copy);
    }
    judgement.request.subject = std::move(subjects);
    judgement.decision = Decision{};
    judgement.decision.verdict = Verdict::Allow;
    judgement.decision.rule = RuleRef{"built-in", 0};
    return perform(std::move(judgement));
  }
  const bool by_git = is_git(judgement.request.process->exe);
  // The program was looked up after the call. Another thread of the caller's may have become git meanwhile; that ends
  // the call, and the thread id means the new program.
  if (by_git && !rooms_.listener.alive(judgement.call.id)) return;
  for (auto& subject : subjects) {
    subject.touched = touched_.contains(subject.id);
    subject.by_git = by_git;
  }
  weigh_keeping(judgement, subjects);
  judgement.request.subject = std::move(subjects);
  judgement.request.hits = hits_.size();
  weigh(std::move(judgement));
}

std::optional<std::string> Gate::frozen(const Judgement& judgement) const {
  if (!rooms_.freezes.any()) return std::nullopt;
  const auto* files = std::get_if<std::vector<FileSubject>>(&judgement.request.subject);
  if (files == nullptr) {  // an address lies in no folder, but whoever works in a frozen one is frozen
    const Freeze* freeze = rooms_.freezes.holding(rooms_.project);
    return freeze == nullptr ? std::nullopt : std::optional(reason_of(*freeze));
  }
  const auto gated = [](Zone zone) { return zone == Zone::Gated || zone == Zone::Read; };
  for (const auto& subject : *files) {
    if (!gated(subject.zone)) continue;
    const Freeze* freeze = rooms_.freezes.holding(subject.path);
    const bool moves = subject.operation == Operation::Rename || subject.operation == Operation::Delete;
    if (freeze == nullptr && moves) freeze = rooms_.freezes.within(subject.path);
    if (freeze != nullptr) return reason_of(*freeze);
  }
  // Also what is only named: a second name for a frozen file would be a way around.
  for (const auto& target : judgement.targets) {
    if (!gated(target.zone)) continue;
    if (const Freeze* freeze = rooms_.freezes.holding(target.path)) return reason_of(*freeze);
  }
  return std::nullopt;
}

void Gate::weigh(Judgement&& judgement) {
  const bool is_file = !std::holds_alternative<Connect>(judgement.action);
  const auto verdict = rooms_.policy.judge(judgement.request);
  judgement.decision = *verdict.decision;
  judgement.decision.subject = verdict.subject;
  if (auto why = frozen(judgement); why && judgement.decision.verdict != Verdict::Deny) {
    judgement.decision.verdict = Verdict::Deny;
    judgement.decision.rule = RuleRef{"freeze", 0};
    judgement.decision.reason = std::move(*why);
    judgement.decision.error = EPERM;
  }
  if (is_file && judgement.unkept && rooms_.vault != nullptr && judgement.decision.verdict != Verdict::Deny) {
    if (judgement.decision.verdict == Verdict::Allow) judgement.decision.rule = RuleRef{"vault", 0};
    judgement.decision.verdict = Verdict::Ask;
    judgement.decision.reason = *judgement.unkept;
  }
  // A connect is refused with what a firewall says, unless the rule names an errno.
  if (!is_file && judgement.decision.error == EPERM) judgement.decision.error = EACCES;
  if (judgement.decision.verdict == Verdict::Allow) return carry_out(std::move(judgement));

  // Nobody is asked about what would fail anyway.
  if (is_file) {
    if (auto code = rooms_.broker.foresee(judgement.action, judgement.targets)) {
      return reply(judgement.call, ReturnErrno{judgement.calling && *code == EEXIST ? EADDRINUSE : *code});
    }
  }
  if (judgement.decision.verdict == Verdict::Deny || rooms_.denials.attendance() == Attendance::Nobody) {
    return deny(judgement, judgement.decision.error);
  }
  ask(std::move(judgement));
}

void Gate::ask(Judgement&& judgement) {
  if (auto answer = rooms_.questions.already_answered(judgement)) {
    judgement.answer = std::move(answer);
    return resume(std::move(judgement));
  }
  rooms_.questions.ask(std::move(judgement));
}

// A yes is one to the part that was shown. What a rename replaces, or where it leads to, may want one of its own.
bool Gate::wants_more(Judgement& judgement) const {
  const auto* files = std::get_if<std::vector<FileSubject>>(&judgement.request.subject);
  if (files == nullptr || files->size() < 2) return false;
  judgement.agreed.push_back(judgement.decision.subject);
  for (std::size_t i = 0; i < files->size(); ++i) {
    if (std::ranges::find(judgement.agreed, i) != judgement.agreed.end()) continue;
    Request part = judgement.request;
    part.subject = std::vector<FileSubject>{files->at(i)};
    const auto verdict = rooms_.policy.judge(part);
    if (verdict.decision->verdict != Verdict::Ask) continue;
    if (files->at(i).path == files->at(judgement.decision.subject).path) continue;  // the same, by another word
    judgement.decision = *verdict.decision;
    judgement.decision.subject = i;
    return true;
  }
  return false;
}

void Gate::resume(Judgement judgement) {
  if (!rooms_.listener.alive(judgement.call.id)) return;
  if (judgement.answer->consent == Consent::Yes) {
    if (auto why = frozen(judgement)) {
      judgement.answer->consent = Consent::No;
      judgement.answer->reason = std::move(*why);
    }
  }
  const Answer& answer = *judgement.answer;
  if (answer.consent == Consent::Yes && wants_more(judgement)) return ask(std::move(judgement));
  if (answer.consent == Consent::Yes) return carry_out(std::move(judgement));
  deny(judgement, judgement.decision.error);
  if (answer.consent == Consent::Stop && events_.stop_agent) events_.stop_agent();
}

void Gate::deny(const Judgement& judgement, int error) {
  const record::Act act{&judgement.request, &judgement.decision, judgement.answer ? &*judgement.answer : nullptr};
  auto recorded = rooms_.log.denied(act, error);
  if (!recorded && events_.trouble) events_.trouble(recorded.error());
  rooms_.denials.tell(judgement, error, recorded ? *recorded : 0);
  if (events_.judged) events_.judged(judgement, error);
  reply(judgement.call, ReturnErrno{error});
}

void Gate::refuse(const Judgement& judgement, const Error& error) {
  record::Act act;
  act.request = &judgement.request;
  act.error = error.what;
  if (auto status = rooms_.log.denied(act, EPERM); !status && events_.trouble) events_.trouble(status.error());
  reply(judgement.call, ReturnErrno{EPERM});
}

void Gate::reply(const Call& call, Reply reply) {
  // ENOENT: the caller died meanwhile, nobody waits. Every other failure leaves it waiting for good, so it gets a no.
  if (auto status = rooms_.listener.reply(call.id, reply, call.tid);
      !status && status.error().code != ENOENT && events_.trouble) {
    events_.trouble(status.error());
  }
}

}  // namespace assent::session
