// One session from its start (session_start.cpp) to its end (session.cpp); for these two only.
#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "approve/daemon_approver.h"
#include "approve/terminal_relay.h"
#include "base/event_loop.h"
#include "launch/sandbox.h"
#include "notify/listener.h"
#include "record/audit_log.h"
#include "record/denials.h"
#include "resolve/git_index.h"
#include "session/connects.h"
#include "session/freezes.h"
#include "session/gate.h"
#include "session/name_lookups.h"
#include "session/notices.h"
#include "session/powers.h"
#include "session/relays.h"
#include "session/session.h"
#include "session/setup.h"
#include "session/vault_keeper.h"
#include "session/vault_places.h"
#include "session/watchdog.h"
#include "session/workers.h"

namespace assent::session {

enum class Way { Agent, Stopped, Failed };  // how the session came to its end

class Session {
 public:
  Session(const RunOptions& options, Early early) : options_(options), launch_(std::move(early.launch)) {}

  Result<int> run();

 private:
  // session_start.cpp
  Status prepare();
  Status start();
  Status begin_record();
  Status choose_approver();
  Result<std::unique_ptr<approve::Approver>> terminal_prompt();
  Status make_rooms();
  Status wire_rooms();
  Status watch();
  // session.cpp
  void on_listener(std::uint32_t events);
  void on_agent();
  void on_signal();
  void arm_flush();
  void tell_of_git();
  void give_up(const Error& error);
  void say(const Judgement& judgement, int error);
  void tell(std::string_view text);
  void release_terminal();
  bool recoverable(const std::string& path, const FileId& id) const;
  int end();
  int status_of_agent() const;

  RunOptions options_;
  Paths paths_;
  Place place_;
  std::optional<decide::Policy> policy_;
  std::optional<EventLoop> loop_;
  std::string session_;
  std::unique_ptr<record::AuditLog> log_;
  std::optional<record::DenialsFile> denials_file_;
  std::optional<launch::Launch> launch_;
  std::optional<launch::Sandbox> sandbox_;
  std::unique_ptr<approve::TerminalRelay> relay_;
  std::unique_ptr<approve::Approver> approver_;
  std::unique_ptr<Freezes> freezes_;
  std::optional<Notices> notices_;
  Attendance attendance_ = Attendance::Nobody;
  sigset_t signal_mask_{};
  UniqueFd signals_;

  std::optional<notify::Listener> listener_;
  std::optional<resolve::View> view_;
  std::optional<resolve::Callers> callers_;
  resolve::OwnFiles own_;
  std::optional<resolve::Resolver> resolver_;
  resolve::GitIndex git_;
  std::vector<std::string> stores_;
  std::unique_ptr<VaultKeeper> vault_;
  std::unique_ptr<Retention> retention_;
  std::optional<broker::Broker> broker_;
  std::unique_ptr<BlockingOpens> blocking_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<Connects> connects_;
  std::unique_ptr<NameLookups> lookups_;
  HeldPlaces held_places_;
  std::unique_ptr<Relays> relays_;
  std::optional<Questions> questions_;
  std::optional<Denials> denials_;
  std::optional<ProcessExits> exits_;
  std::optional<Gate> gate_;
  std::unique_ptr<Watchdog> watchdog_;

  std::uint64_t nonce_ = 0;
  bool flush_armed_ = false;
  bool git_armed_ = false;
  bool relay_running_ = false;
  std::string last_said_;
  std::vector<std::string> held_;  // said while the terminal was the agent's
  Way way_ = Way::Agent;
  launch::AgentEvent last_{};
  int exec_error_ = 0;
};

}  // namespace assent::session
