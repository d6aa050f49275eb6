// The broker carries out what has been decided.
//   In:  a Permit (the act stands in the record), the Action, its Targets (pinned and judged), facts of the caller.
//   Out: an Outcome: the reply for the agent, what was created and removed, and whether somebody was faster (raced).
//   Never: follows the agent's spelling again; follows a symbolic link; acts on an object other than the judged one and
//   leaves it so; blocks (perform); destroys anything while its identity is unverified; changes anything without a
//   Permit.
//
// Names are acted on in `target.parent->host` (a pinned directory on the host's writable mount) with the last name
// only; objects through /proc/self/fd of a pinned O_PATH descriptor. What was there before the session is first
// renamed to a staging name (".assent-stage-…", same directory), checked, and only then unlinked; see stage.h for what
// is on disk when we are killed in between, repair.h for how it is put back.
//
// The session's own objects are checked (statx) and removed directly: between the two calls a process of the host could
// swap the name. The agent cannot: all its changes pass this one thread.
//
// The thread that calls perform gets a file system context of its own (unshare(CLONE_FS)) and its umask is changed.
// The process must ignore SIGXFSZ.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "assent/action.h"
#include "assent/permit.h"
#include "assent/target.h"
#include "broker/interrupt.h"
#include "broker/keeper.h"
#include "broker/outcome.h"

namespace assent::broker {

// A change on disk that has just been made in an act of several steps. For fault injection.
enum class Step { Staged, Exchanged, Taken, PutBack };

struct BrokerOptions {
  std::uint64_t nonce = 0;  // of this session; goes into staging names and into the session's first record
  Keeper keeper{};
  std::function<void(Step)> on_step{};
};

// The staging name that the act on record `sequence` uses; a function of the record, so repair can find it.
std::string stage_name(std::uint64_t nonce, std::uint64_t sequence);

class Broker {
 public:
  explicit Broker(BrokerOptions options = {}) : options_(std::move(options)) {}

  // The errno that the kernel would certainly give, found without changing anything, in the kernel's order of
  // precedence; none: it may well succeed. So nobody is asked about what would fail anyway.
  // Targets: Rename and Link take {from, to}, every other action one.
  [[nodiscard]] std::optional<int> foresee(const Action& action, std::span<const Target> targets) const;

  // What access(2) would say on the host's writable mount: the agent's view is read-only and says EROFS of everything.
  [[nodiscard]] Outcome check_access(const CheckAccess& check, const Target& target) const;

  // Does it. `permit` is spent unless the outcome says would_block.
  [[nodiscard]] Outcome perform(Permit&& permit, const Action& action, std::span<Target> targets,
                                const CallerFacts& caller);

  // bind(2) of a unix socket (`socket`, a duplicate of the agent's) to the name that `target` stands for, which is new.
  // The socket's own address is then the last name alone.
  [[nodiscard]] Outcome bind(Permit&& permit, int socket, Target& target, const CallerFacts& caller);

  // The same for an open that has to wait (FIFO, lease, terminal line): may sleep in the kernel until `interrupt` is
  // raised (then EINTR). For a worker thread; touches nothing that perform uses.
  [[nodiscard]] Outcome perform_blocking(Permit&& permit, const Open& open, Target& target, Interrupt& interrupt) const;

  // Opens for reading what `agent_view` (O_PATH, on the agent's own read-only mount) stands for, with the flags asked
  // for; directories too. Changes nothing, so it needs no Permit. would_block as above: then call it with an interrupt.
  [[nodiscard]] Outcome open_for_reading(const Open& open, int agent_view, Interrupt* interrupt = nullptr) const;

  // The descriptor of a file that perform has just created could not be handed over (EMFILE): the kernel would not have
  // created it. Removes it, if the name still is that file.
  void take_back(const Outcome& created, const Target& target) const;

  [[nodiscard]] std::string stage_name(std::uint64_t sequence) const {
    return broker::stage_name(options_.nonce, sequence);
  }

 private:
  Outcome remove(const Remove& act, Target& target, std::uint64_t sequence);
  Outcome remove_staged(const Target& target, int unlink_flag, std::uint64_t sequence);
  Outcome rename(const Rename& act, Target& from, Target& to, std::uint64_t sequence);
  Outcome rename_to_new_name(const Target& from, const Target& to);
  Outcome rename_exchange(const Target& from, const Target& to);
  Outcome rename_over(const Target& from, const Target& to, std::uint64_t sequence);
  Outcome open(const Open& act, Target& target, const CallerFacts& caller, std::uint64_t sequence);
  Outcome open_existing(const Open& act, const Target& target, std::uint64_t sequence) const;
  Outcome truncate(const Truncate& act, Target& target, const CallerFacts& caller, std::uint64_t sequence);
  Outcome link(Target& from, Target& to);
  Outcome make(const Action& act, Target& target, const CallerFacts& caller);
  Outcome set_metadata(const SetMetadata& act, Target& target);

  // Takes the verified object under `at` away for good: into the keeper, or by unlink.
  int take_away(const Directory& directory, const std::string& at, const Target& judged, int unlink_flag,
                std::uint64_t sequence);
  void step(Step reached) const {
    if (options_.on_step) options_.on_step(reached);
  }

  BrokerOptions options_;
};

}  // namespace assent::broker
