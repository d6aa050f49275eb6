// Questions: judgements that wait for a human. In: a judgement whose verdict is ask. Out: the same judgement with an
// answer, later, on the event loop's thread. Waiting never holds up other calls of the agent.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "approve/approver.h"
#include "approve/scopes.h"
#include "base/event_loop.h"
#include "record/audit_log.h"
#include "resolve/radius.h"
#include "session/judgement.h"

namespace assent::session {

class Questions {
 public:
  struct Facts {  // of the session, for what a question shows
    std::string session;
    std::string project;
    int host_root = -1;
    const resolve::GitIndex* git = nullptr;
    std::function<bool(const FileId&)> is_own;
    bool keeps = false;                           // a vault takes what is lost by the acts
    std::optional<std::chrono::seconds> timeout;  // --timeout; else the decision's
    std::function<void(const Question&)> waits;   // a question waits for a human; may be empty
  };
  using Answered = std::function<void(Judgement)>;
  using StillWaiting = std::function<bool(std::uint64_t call)>;

  Questions(EventLoop& loop, approve::Approver& approver, record::AuditLog& log, Facts facts, Answered answered,
            StillWaiting still_waiting);
  ~Questions();
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;

  // The answer that an earlier one of this session has given already.
  std::optional<Answer> already_answered(const Judgement& judgement) const;
  // Asks. `answered` is called once unless the call dies before.
  void ask(Judgement judgement);
  // Denies what waits and for which `why` has a reason: nobody may assent to it any more.
  void deny_where(const std::function<std::optional<std::string>(const Judgement&)>& why);
  void forget_process(std::uint64_t process) {
    scopes_.forget_process(process);
    answered_trees_.erase(answered_trees_.lower_bound({process, ""}), answered_trees_.lower_bound({process + 1, ""}));
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    Judgement judgement;
    approve::QuestionKey key;
    std::chrono::system_clock::time_point asked_at;
  };
  Question build(const Judgement& judgement);
  void on_answer(const Answer& answer);
  void drop_dead();
  void watch();

  EventLoop& loop_;
  approve::Approver& approver_;
  record::AuditLog& log_;
  Facts facts_;
  Answered answered_;
  StillWaiting still_waiting_;
  approve::Scopes scopes_;
  // Of a process and an operation: the tree that a yes was given for. Its next question shows what both lie in.
  std::map<std::pair<std::uint64_t, std::string>, std::string> answered_trees_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  EventLoop::TimerId watch_{};
  std::uint64_t next_ = 1;
};

}  // namespace assent::session
