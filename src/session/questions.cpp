#include "session/questions.h"

#include <fmt/format.h>

#include <variant>

#include "base/sys.h"
#include "session/radius_root.h"
#include "session/subject_text.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

// How long a call may have been dead before its question is taken away.
constexpr auto kLookEvery = 200ms;

bool takes_away(Operation operation) { return operation == Operation::Delete || operation == Operation::Rename; }
bool loses_content(Operation operation) {
  return operation == Operation::Delete || operation == Operation::Truncate || operation == Operation::Modify;
}

// A yes to what can be taken back is none to what cannot.
approve::QuestionKey key_for(const Question& question, const SubjectText& asked, const Judgement& judgement) {
  auto key = approve::key_of(question, asked.file == nullptr ? 0 : asked.file->id.birth_ns);
  if (judgement.unkept) key.operation += " for good";
  return key;
}

Recovery recovery_of(const FileSubject& file, bool kept) {
  if (!loses_content(file.operation) && file.operation != Operation::Metadata) return Recovery::NoLoss;
  if (kept && !file.own) return Recovery::Vault;
  if (!loses_content(file.operation)) return Recovery::None;
  return file.recoverable() ? Recovery::Git : Recovery::None;
}

}  // namespace

Questions::Questions(EventLoop& loop, approve::Approver& approver, record::AuditLog& log, Facts facts,
                     Answered answered, StillWaiting still_waiting)
    : loop_(loop),
      approver_(approver),
      log_(log),
      facts_(std::move(facts)),
      answered_(std::move(answered)),
      still_waiting_(std::move(still_waiting)) {}

Questions::~Questions() { loop_.cancel(watch_); }

std::optional<Answer> Questions::already_answered(const Judgement& judgement) const {
  if (scopes_.size() == 0) return std::nullopt;
  const SubjectText asked = subject_text(judgement);
  Question question;
  question.process = judgement.request.process;
  question.operation = asked.operation;
  question.object = asked.object;
  question.decision = judgement.decision;
  auto answer = scopes_.covers(key_for(question, asked, judgement));
  if (answer || !judgement.unkept) return answer;
  // A no to the act is one whether it can be taken back or not.
  auto plain = scopes_.covers(approve::key_of(question, asked.file == nullptr ? 0 : asked.file->id.birth_ns));
  return plain && plain->consent != Consent::Yes ? plain : std::nullopt;
}

Question Questions::build(const Judgement& judgement) {
  const SubjectText asked = subject_text(judgement);
  Question out;
  out.id = next_++;
  out.session = facts_.session;
  out.process = judgement.request.process;
  out.operation = asked.operation;
  out.object = asked.object;
  out.other = asked.other;
  out.decision = judgement.decision;
  if (facts_.timeout) out.decision.timeout = *facts_.timeout;
  if (asked.file != nullptr && takes_away(asked.file->operation)) {
    resolve::RadiusOptions options;
    options.project = facts_.project;
    options.git = facts_.git;
    options.is_own = facts_.is_own;
    TreeHints hints{facts_.project, open_folders(out.process->pid), {}};
    if (const auto found = answered_trees_.find({out.process->id, out.operation}); found != answered_trees_.end())
      hints.answered = found->second;
    const std::string root = radius_root(*out.process, asked.object, hints);
    auto pinned = sys::openat2(facts_.host_root, root.c_str() + 1, O_PATH | O_NOFOLLOW,
                               RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    auto stat = pinned ? sys::statx(pinned->get(), "") : Result<struct statx>(fail(ENOENT));
    if (stat && S_ISDIR(stat->stx_mode)) {
      out.radius = resolve::count(pinned->get(), root, options);
      // Empty folders hold nothing, but it is one thing that goes.
      if (out.radius->files == 0) out.radius.reset();
    }
  }
  if (asked.file != nullptr) {
    out.recovery = recovery_of(*asked.file, facts_.keeps && !judgement.unkept);
    const std::uint64_t files = out.radius ? out.radius->files : 1;
    if (files > out.decision.confirm_over || out.recovery == Recovery::None) out.confirm = std::to_string(files);
  } else {
    out.recovery = Recovery::NoLoss;
  }
  out.asked_at = std::chrono::system_clock::now();
  out.deadline = std::chrono::steady_clock::now() + out.decision.timeout;
  return out;
}

void Questions::ask(Judgement judgement) {
  Question question = build(judgement);
  const SubjectText asked = subject_text(judgement);
  Waiting waiting;
  waiting.key = key_for(question, asked, judgement);
  waiting.asked_at = question.asked_at;
  const std::uint64_t id = question.id;
  // A question that cannot be recorded is a question that must not be answered with yes.
  if (auto status = log_.question(question); !status) {
    Answer no;
    no.question = id;
    no.reason = status.error().what;
    no.who = "assent";
    judgement.answer = std::move(no);
    answered_(std::move(judgement));
    return;
  }
  waiting.judgement = std::move(judgement);
  waiting_.emplace(id, std::move(waiting));
  watch();
  if (facts_.waits) facts_.waits(question);
  approver_.ask(std::move(question), [this](const Answer& answer) { on_answer(answer); });
}

void Questions::on_answer(const Answer& answer) {
  const auto found = waiting_.find(answer.question);
  if (found == waiting_.end()) return;
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  Answer kept = answer;
  if (auto status = log_.answer(answer); !status && kept.consent == Consent::Yes) {
    kept.consent = Consent::No;
    kept.reason = status.error().what;
  }
  scopes_.remember(waiting.key, kept, waiting.asked_at);
  if (kept.consent == Consent::Yes && kept.scope != Scope::Once && !waiting.key.processes.empty()) {
    const std::string& shown = waiting.key.root.empty() ? waiting.key.object : waiting.key.root;
    answered_trees_[{waiting.key.processes.front(), waiting.key.operation}] = shown;
  }
  waiting.judgement.answer = std::move(kept);
  answered_(std::move(waiting.judgement));
}

void Questions::deny_where(const std::function<std::optional<std::string>(const Judgement&)>& why) {
  std::vector<Answer> noes;
  for (const auto& [id, waiting] : waiting_) {
    auto reason = why(waiting.judgement);
    if (!reason) continue;
    Answer no;
    no.question = id;
    no.reason = std::move(*reason);
    no.who = "freeze";
    noes.push_back(std::move(no));
  }
  for (const auto& no : noes) {
    approver_.cancel(no.question);
    on_answer(no);
  }
}

void Questions::watch() {
  if (watch_.number != 0 || waiting_.empty()) return;
  watch_ = loop_.after(kLookEvery, [this] {
    watch_ = {};
    drop_dead();
    watch();
  });
}

void Questions::drop_dead() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (still_waiting_(at->second.judgement.call.id)) {
      ++at;
    } else {
      approver_.cancel(at->first);
      at = waiting_.erase(at);
    }
  }
}

}  // namespace assent::session
