// VaultKeeper: the vault on the way of one call. In: judged acts. Out: what cannot be kept and why; the keeper that the
// broker hands pre-images to; the notes that must stand before an act. Never: decides.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assent/action.h"
#include "assent/target.h"
#include "broker/keeper.h"
#include "broker/outcome.h"
#include "session/judgement.h"
#include "undo/vault.h"

namespace assent::session {

class VaultKeeper {
 public:
  struct Options {
    std::string session;
    std::string project;
    std::string state_vault;
    std::vector<std::string> stores;  // of other mounts
    std::uint64_t nonce = 0;          // of the broker's staging names
    std::uint64_t max_file = 0;
    std::uint64_t max_total = 0;
    std::function<bool(const FileId&)> is_own;  // called on the loop's thread only
  };
  explicit VaultKeeper(Options options);

  broker::Keeper keeper();

  // One of the objects lies in the vault: nothing may be done to it through a descriptor from before.
  [[nodiscard]] bool holds(std::span<const Target> targets);
  // Why what the act takes away could not be kept now; none: it could, or it takes nothing.
  [[nodiscard]] std::optional<std::string> why_not(const Action& action, std::span<const Target> targets) const;

  // The object that is so large that a worker should copy it before the act; a descriptor of exactly it.
  struct Large {
    UniqueFd object;
    std::size_t target = 0;
  };
  [[nodiscard]] std::optional<Large> large(const Action& action, std::span<const Target> targets);
  // For a worker thread.
  void copy(const UniqueFd& object, const Target& target) { (void)vault_.prepare(object.get(), target).has_value(); }

  // Just before the act. An error: it must not happen.
  Status before(const Judgement& judgement, std::uint64_t sequence);
  // The act is over. Why it was refused, where that is because nothing could be kept.
  std::optional<Error> settle(std::uint64_t sequence, const broker::Outcome& outcome);

  Status close() { return vault_.close(); }

 private:
  undo::Vault vault_;
};

}  // namespace assent::session
