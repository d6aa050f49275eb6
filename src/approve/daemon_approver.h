// DaemonApprover: asks whoever the approval daemon knows. In: questions. Out: the daemon's answers.
// The connection is the session's registration. When it ends, every question that waits is a no; later ones are brought
// to a daemon that answers again, else to the fallback (the session's terminal), else they are a no.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "approve/approver.h"
#include "approve/daemon_conversation.h"
#include "base/event_loop.h"

namespace assent::approve {

class DaemonApprover final : public Approver {
 public:
  struct Options {
    std::vector<std::string> sockets;
    SessionFacts session;
    std::function<void(const std::string&)> tell;  // for people; may be empty
  };
  // `fallback` may be empty. The loop must outlive the approver. ENOENT: no daemon runs.
  static Result<std::unique_ptr<DaemonApprover>> create(EventLoop& loop, Options options,
                                                        std::unique_ptr<Approver> fallback);
  ~DaemonApprover() override;
  DaemonApprover(const DaemonApprover&) = delete;
  DaemonApprover& operator=(const DaemonApprover&) = delete;

  // For when no daemon answers any more. Before the first question.
  void fall_back_to(std::unique_ptr<Approver> fallback) { fallback_ = std::move(fallback); }

  void ask(Question question, AnswerCallback answered) override;
  void cancel(std::uint64_t question) override;

  [[nodiscard]] bool connected() const { return daemon_.open(); }

 private:
  DaemonApprover(EventLoop& loop, Options options, std::unique_ptr<Approver> fallback);
  Status connect(std::chrono::milliseconds limit);
  bool said(const Message& message);
  void lost(const std::string& why);

  Options options_;
  std::unique_ptr<Approver> fallback_;
  DaemonConversation daemon_;
  std::unordered_map<std::uint64_t, AnswerCallback> waiting_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace assent::approve
