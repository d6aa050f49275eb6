// Gate: the way of one call through the rooms, and the only place where they meet.
//   listener → decode → resolve → decide → (ask) → record → broker → reply
// In: stopped calls. Out: a reply to each. An error in any step is a denial with a definite errno; nothing continues in
// the kernel without a FloorProof; nothing is performed without a Permit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>

#include "broker/broker.h"
#include "decide/policy.h"
#include "launch/floor.h"
#include "notify/listener.h"
#include "record/audit_log.h"
#include "resolve/callers.h"
#include "resolve/own_files.h"
#include "resolve/resolver.h"
#include "resolve/subjects.h"
#include "session/blocking_opens.h"
#include "session/connects.h"
#include "session/denials.h"
#include "session/freezes.h"
#include "session/git_traces.h"
#include "session/judgement.h"
#include "session/name_lookups.h"
#include "session/nameless_files.h"
#include "session/process_exits.h"
#include "session/questions.h"
#include "session/relays.h"
#include "session/vault_keeper.h"
#include "session/workers.h"

namespace assent::session {

class Gate {
 public:
  struct Rooms {  // all outlive the gate
    EventLoop& loop;
    notify::Listener& listener;
    resolve::Callers& callers;
    resolve::Resolver& resolver;
    resolve::OwnFiles& own;
    const decide::Policy& policy;
    const launch::Floor& floor;
    record::AuditLog& log;
    broker::Broker& broker;
    Questions& questions;
    BlockingOpens& blocking;
    Connects& connects;
    NameLookups& lookups;
    Relays& relays;
    Denials& denials;
    const Freezes& freezes;
    std::string project;
    ProcessExits& exits;
    VaultKeeper* vault;  // null: the profile keeps nothing
    Workers& workers;
    std::function<bool(const std::string& path, const FileId& id)> recoverable;  // empty: never
    int terminal = -1;  // the agent's terminal, where it has one
  };
  struct Events {
    std::function<void(const Error&)> trouble;                // the record or the listener failed; for people
    std::function<void()> stop_agent;                         // a human said stop
    std::function<void(const Judgement&, int error)> judged;  // for --verbose; error 0: allowed
  };

  Gate(Rooms rooms, Events events)
      : rooms_(rooms), events_(std::move(events)), nameless_(rooms.loop), git_traces_(rooms_.project) {}

  // The listener is readable. False: the last user of the filter is gone.
  bool serve(notify::Readiness readiness);
  // Waits for a call, which serve() then takes. May come back without one: a signal ends the wait. (On Linux 6.1
  // nothing else does after the last user of the filter is gone; then the agent's end comes through the loop.)
  void wait_for_call() { waited_for_ = rooms_.listener.receive(notify::Readiness::Seen); }
  // A question was answered.
  void resume(Judgement judgement);
  // Why nobody may allow this now, whatever rules say and whoever assents.
  [[nodiscard]] std::optional<std::string> frozen(const Judgement& judgement) const;
  // gate_git.cpp: what git would run outside because of this session, as far as it is not told yet; a line each.
  [[nodiscard]] bool has_git_news() const { return git_traces_.fresh(); }
  std::vector<std::string> git_news();

 private:
  void handle(const Call& call);
  void ask(Judgement&& judgement);
  bool wants_more(Judgement& judgement) const;  // true: it is about another part of the act now, which asks too
  void identify(Judgement& judgement);
  void observe(const Call& call, const resolve::CallerRef& caller, const Action& action);
  void check_access(const Judgement& judgement, const CheckAccess& check);
  void exec(Judgement judgement, const Exec& act);
  // gate_connect.cpp
  void connect(Judgement judgement, const Connect& act);
  void connect_tcp(Judgement judgement, const std::string& address);
  void connect_again(Judgement judgement, const std::string& address);
  void connect_inside(Judgement judgement, const std::string& address);
  void connect_path(Judgement judgement, std::string path);
  void connect_allowed(Judgement judgement);
  void dial(Judgement judgement, Permit permit);
  void dial_name(Judgement judgement, Permit permit, const std::string& name);
  void dialled(const std::shared_ptr<Judgement>& judgement, std::uint64_t sequence, UniqueFd socket, int code);
  int place(const Judgement& judgement, int socket);
  // gate_relay.cpp
  [[nodiscard]] bool needs_names(const Judgement& judgement) const;
  [[nodiscard]] bool is_relayed(const Judgement& judgement) const;
  [[nodiscard]] std::vector<std::string> allowed_names(const Judgement& judgement) const;
  void connect_udp(Judgement judgement, const std::string& address);
  void relay_datagrams(Judgement judgement, const Permit& permit);
  int relay(const std::shared_ptr<Judgement>& judgement, UniqueFd outer);
  void finish_connect(const Judgement& judgement, std::uint64_t sequence, int code);
  // gate_send.cpp
  void send(Judgement judgement, const Send& act);
  void send_next(Judgement judgement);
  void send_allowed(Judgement judgement, const Permit& permit);
  [[nodiscard]] std::optional<net::Outside> datagrams_to(const Judgement& judgement, const std::string& address,
                                                         NetSubject& subject) const;
  // gate_bind.cpp
  void bind(Judgement judgement, const Bind& act);
  void bind_on_the_floor(Judgement&& judgement);
  void listen(const Call& call, const resolve::CallerRef& caller, const Listen& act);
  Result<net::AgentSocket> agent_socket(const resolve::Caller& caller, int number) const;
  void file_call(Judgement&& judgement);
  void on_the_floor(Judgement&& judgement);
  void act_on_the_floor(Judgement&& judgement);
  void act_on_kernel_files(Judgement&& judgement);
  void open_to_read(Judgement&& judgement, const Open& open);
  void open_what_is_there(Judgement&& judgement, const Open& open);
  void decide(Judgement&& judgement);
  // What the policy says of the request: carried out, denied, or asked.
  void weigh(Judgement&& judgement);
  void carry_out(Judgement&& judgement);
  void perform(Judgement&& judgement);
  // gate_keep.cpp: what the vault has to say
  void deny_held(Judgement judgement);
  void weigh_keeping(Judgement& judgement, std::vector<FileSubject>& subjects);
  bool copy_first(Judgement& judgement);
  void keeping_failed(Judgement judgement, std::uint64_t sequence, const Error& error, int code);
  void finish(Judgement&& judgement, std::uint64_t sequence, broker::Outcome outcome);
  Result<broker::CallerFacts> facts_of(const Judgement& judgement);
  void judge_again(Judgement&& judgement);
  // A decided no: recorded, told, answered.
  void deny(const Judgement& judgement, int error);
  // A failure of ours on the way: recorded as a refusal, answered.
  void refuse(const Judgement& judgement, const Error& error);
  void reply(const Call& call, Reply reply);
  void remember(const Judgement& judgement, const broker::Outcome& outcome);
  void take_in(const Judgement& judgement, const broker::Outcome& outcome);

  Rooms rooms_;
  Events events_;
  NamelessFiles nameless_;
  std::optional<Result<std::optional<Call>>> waited_for_;
  std::unordered_set<FileId, FileIdHash> touched_;  // the session was allowed to modify these already
  GitTraces git_traces_;
  std::unordered_set<std::string> git_told_;
  std::unordered_set<FileId, FileIdHash> hits_;  // were there before and were hit without a question
};

}  // namespace assent::session
