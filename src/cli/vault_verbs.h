// The actions of `assent vault`, a file each. In: what stood behind the action. Out: the exit status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/vault_find.h"
#include "undo/catalog.h"

namespace assent::cli {

struct VaultAsked {
  VaultPlace place;
  std::vector<std::string> words;
  bool json = false;
  bool dry_run = false;
  bool verbose = false;
  std::optional<std::string> older_than;
  std::optional<std::string> max_total;
};

int vault_ls(const VaultAsked& asked);
int vault_stat(const VaultAsked& asked);
int vault_prune(const VaultAsked& asked);
int vault_drill(const VaultAsked& asked);

// Limits of the profile that a session here would go by. EINVAL: it cannot be read.
struct VaultLimits {
  std::uint64_t max_file = 0;
  std::uint64_t max_total = 0;
  std::chrono::seconds retention{0};
};
Result<VaultLimits> vault_limits();

// "running", "ended", "crashed"; of an undo: "undo", "redo"; "unreadable".
std::string state_text(const VaultPlace& place, const undo::Kept& kept);
// "2026-11-21 02:15:30" local time; "-": unknown.
std::string time_text(std::int64_t nanoseconds);

}  // namespace assent::cli
