// What was allowed is recorded, kept, performed, answered, and its outcome recorded.
#include <fcntl.h>
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/show.h"
#include "session/gate.h"

namespace assent::session {

void Gate::carry_out(Judgement&& judgement) {
  if (std::holds_alternative<Connect>(judgement.action)) return connect_allowed(std::move(judgement));
  perform(std::move(judgement));
}

void Gate::perform(Judgement&& judgement) {
  if (rooms_.vault != nullptr && copy_first(judgement)) return;
  // A human's yes must be on the disk before anything happens.
  const bool asked = judgement.answer.has_value();
  const record::Act act{&judgement.request, &judgement.decision, asked ? &*judgement.answer : nullptr};
  auto permit = rooms_.log.intent(act, asked ? record::Durability::Durable : record::Durability::Buffered);
  if (!permit) return reply(judgement.call, ReturnErrno{EPERM});
  const std::uint64_t sequence = permit->sequence();

  auto facts = facts_of(judgement);
  if (!facts) {
    broker::Outcome gone;
    gone.reply = ReturnErrno{facts.error().code};
    return finish(std::move(judgement), sequence, std::move(gone));
  }
  if (rooms_.vault != nullptr) {
    if (auto noted = rooms_.vault->before(judgement, sequence); !noted) {
      broker::Outcome refused;
      refused.reply = ReturnErrno{noted.error().code};
      return finish(std::move(judgement), sequence, std::move(refused));
    }
  }
  auto outcome = judgement.calling
                     ? rooms_.broker.bind(std::move(*permit), judgement.calling->socket.fd.get(),
                                          judgement.targets.front(), *facts)
                     : rooms_.broker.perform(std::move(*permit), judgement.action, judgement.targets, *facts);
  if (!outcome.would_block) return finish(std::move(judgement), sequence, std::move(outcome));

  const std::uint64_t call = judgement.call.id;
  const Open open = std::get<Open>(judgement.action);
  Target target = std::move(judgement.targets.front());
  judgement.targets.clear();
  auto shared = std::make_shared<Judgement>(std::move(judgement));
  auto started = rooms_.blocking.start(
      call, std::move(*permit), open, std::move(target),
      [this, shared, sequence](broker::Outcome late) { finish(std::move(*shared), sequence, std::move(late)); });
  if (!started) {
    broker::Outcome refused;
    refused.reply = ReturnErrno{started.error().code};
    finish(std::move(*shared), sequence, std::move(refused));
  }
}

Result<broker::CallerFacts> Gate::facts_of(const Judgement& judgement) {
  broker::CallerFacts out;
  const auto* open = std::get_if<Open>(&judgement.action);
  const bool creates = (open != nullptr && (open->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0) ||
                       std::holds_alternative<MakeDirectory>(judgement.action) ||
                       std::holds_alternative<MakeNode>(judgement.action);
  if (creates) {
    auto mask = judgement.caller->umask();
    if (!mask) return pass(std::move(mask));
    out.umask = *mask;
  }
  // The kernel finds that no descriptor is left before it cuts the file; we would find it afterwards.
  if (open != nullptr && (open->flags & O_TRUNC) != 0 && !judgement.targets.empty() &&
      judgement.targets.front().exists() && !judgement.caller->has_free_descriptor()) {
    return fail(EMFILE, "the caller has no descriptor left");
  }
  if (std::holds_alternative<Truncate>(judgement.action)) {
    auto limits = judgement.caller->limits();
    if (!limits) return pass(std::move(limits));
    out.file_size_limit = limits->file_size.rlim_cur;
  }
  return out;
}

void Gate::finish(Judgement&& judgement, std::uint64_t sequence, broker::Outcome outcome) {
  const auto unkept = rooms_.vault != nullptr ? rooms_.vault->settle(sequence, outcome) : std::nullopt;
  // What could not be put back is told below, and not judged again under another name.
  if (unkept && outcome.stranded.empty())
    return keeping_failed(std::move(judgement), sequence, *unkept, std::get<ReturnErrno>(outcome.reply).code);
  if (outcome.raced) {
    judgement.unkept.reset();
    judgement.copied = false;
    // The record of this attempt ends here; the next one gets its own.
    if (!rooms_.log.outcome(sequence, record::Outcome{EAGAIN})) return reply(judgement.call, ReturnErrno{EPERM});
    return judge_again(std::move(judgement));
  }
  remember(judgement, outcome);
  record::Outcome recorded;
  if (const auto* value = std::get_if<ReturnValue>(&outcome.reply)) recorded.value = value->value;
  if (const auto* code = std::get_if<ReturnErrno>(&outcome.reply)) recorded.error = code->code;
  if (!outcome.created.empty()) recorded.object = outcome.created.front();
  if (outcome.signal != 0) judgement.caller->signal(outcome.signal);
  auto replied = rooms_.listener.reply(judgement.call.id, outcome.reply, judgement.call.tid);
  if (!replied && recorded.error == 0 && replied.error().code != ENOENT) {
    recorded.error = replied.error().code;
    if (!outcome.created.empty() && !judgement.targets.empty()) {
      rooms_.broker.take_back(outcome, judgement.targets.front());
      for (const auto& id : outcome.created) rooms_.own.forget(id);
    }
  }
  // A log that cannot be written refuses every later act by itself.
  if (auto status = rooms_.log.outcome(sequence, recorded); !status && events_.trouble) events_.trouble(status.error());
  for (const auto& name : outcome.stranded) {
    if (events_.trouble) {
      events_.trouble(Error{
          EEXIST,
          fmt::format(
              "a file was set aside as {} and could not be put back, its name was taken; 'assent doctor' tries again",
              show(name))});
    }
  }
  if (events_.judged) events_.judged(judgement, recorded.error);
}

void Gate::judge_again(Judgement&& judgement) {
  constexpr int kMostAttempts = 32;
  if (++judgement.attempts >= kMostAttempts) {
    return refuse(judgement, Error{EAGAIN, "something outside changes the name again and again while it is judged"});
  }
  judgement.targets.clear();
  judgement.answer.reset();
  judgement.agreed.clear();
  file_call(std::move(judgement));
}

// An object counts as the session's own as long as we are told when it goes: its inode number is then given out again.
void Gate::take_in(const Judgement& judgement, const broker::Outcome& outcome) {
  // In the agent's own folders the kernel removes, and tells nobody.
  if (outcome.created.empty() || resolve::where(judgement.targets) == resolve::Where::Floor) return;
  const auto* open = std::get_if<Open>(&judgement.action);
  if (open != nullptr && (open->flags & (O_TMPFILE & ~O_DIRECTORY)) != 0) {
    const auto* descriptor = std::get_if<ReturnDescriptor>(&outcome.reply);
    if (descriptor == nullptr || !nameless_.hold(descriptor->fd.get())) return;
  }
  for (const auto& id : outcome.created) rooms_.own.add(id);
}

void Gate::remember(const Judgement& judgement, const broker::Outcome& outcome) {
  take_in(judgement, outcome);
  for (const auto& id : outcome.removed) {
    rooms_.own.forget(id);
    touched_.erase(id);
  }
  if (std::holds_alternative<ReturnErrno>(outcome.reply)) return;
  const auto* subjects = std::get_if<std::vector<FileSubject>>(&judgement.request.subject);
  if (subjects == nullptr) return;
  git_traces_.changed(*subjects);
  for (const auto& subject : *subjects) {
    if (subject.operation == Operation::Rename && subject.type == FileType::Directory)
      rooms_.resolver.directories().renamed();
    if (subject.own || subject.id == FileId{}) continue;
    if (subject.operation == Operation::Modify || subject.operation == Operation::Truncate) touched_.insert(subject.id);
    if (subject.operation != Operation::Create && !judgement.answer) hits_.insert(subject.id);
  }
}

}  // namespace assent::session
