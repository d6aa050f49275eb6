// assent vault prune: retention by age and by size, oldest first.
#include <fmt/format.h>

#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "cli/vault_verbs.h"
#include "decide/units.h"

namespace assent::cli {

namespace {

void print_json(const undo::Pruned& pruned, bool dry_run) {
  nlohmann::ordered_json out;
  out["dry_run"] = dry_run;
  out["removed"] = nlohmann::ordered_json::array();
  for (const auto& kept : pruned.removed) out["removed"].push_back(show(kept.transaction));
  out["bytes"] = pruned.bytes;
  out["left"] = pruned.left;
  out["failed"] = nlohmann::ordered_json::array();
  for (const auto& error : pruned.failed) out["failed"].push_back(error.what);
  fmt::print("{}\n", out.dump());
}

void print_text(const undo::Pruned& pruned, bool dry_run) {
  const char* word = dry_run ? "would remove" : "removed";
  for (const auto& kept : pruned.removed) {
    fmt::print("  {}  {}  {} of {}, {}\n", word, show(kept.transaction), size_text(kept.bytes), show(kept.about),
               time_text(kept.began));
  }
  fmt::print("{} {}, {}; {} {} kept\n", word, count_text(pruned.removed.size(), "transaction"), size_text(pruned.bytes),
             size_text(pruned.left), dry_run ? "would still be" : "are still");
  for (const auto& error : pruned.failed) fmt::print(stderr, "assent: {}\n", error.what);
}

// Of the oldest thing there is.
long uncounted_days(const undo::PruneOptions& options) {
  const std::chrono::nanoseconds counted = undo::age_of(0, options.now_ns, options.jumps);
  return std::chrono::duration_cast<std::chrono::days>(std::chrono::nanoseconds(options.now_ns) - counted).count();
}

}  // namespace

int vault_prune(const VaultAsked& asked) {
  undo::PruneOptions options;
  options.state_vault = asked.place.vault;
  options.dry_run = asked.dry_run;
  options.is_running = [&asked](const std::string& transaction) { return is_running(asked.place, transaction); };
  const undo::Moment now = undo::moment_now();
  options.now_ns = now.wall_ns;
  // What was asked for by hand holds alone; else what the profile says.
  options.retention = std::chrono::hours(24 * 365 * 200);
  options.max_total = std::numeric_limits<std::uint64_t>::max();
  if (asked.older_than) {
    const auto age = parse_duration(*asked.older_than);
    if (!age) return complain("vault", fmt::format("'{}' is no duration (14d, 36h)", show(*asked.older_than)), kUsage);
    options.retention = *age;
    if (*age < undo::kMinimumAge)
      fmt::print(stderr, "assent: nothing younger than 24 hours is removed, whatever --older-than says\n");
  }
  if (asked.max_total) {
    const auto size = decide::parse_size(*asked.max_total);
    if (!size) return complain("vault", fmt::format("'{}' is no size (20G, 500M)", show(*asked.max_total)), kUsage);
    options.max_total = *size;
  }
  if (!asked.older_than && !asked.max_total) {
    const auto limits = vault_limits();
    if (!limits) return cannot("prune the vault", limits.error().what, kFailed);
    options.retention = limits->retention;
    options.max_total = limits->max_total;
  }
  auto lock = lock_vault(asked.place);
  if (!lock) return cannot("prune the vault", lock.error().what, kFailed);
  options.jumps = undo::look_at_clock(options.state_vault, now, undo::newest_end(options.state_vault),
                                      asked.dry_run ? undo::Remember::No : undo::Remember::Yes);
  if (const auto days = uncounted_days(options); days > 0)
    fmt::print(
        stderr,
        "assent: the clock went on by more than the time that can have passed; {} days are not counted, and what "
        "was kept before is younger by them (see --max-total)\n",
        days);
  const auto pruned = undo::prune(options);
  if (!pruned) return cannot("prune the vault", pruned.error().what, kFailed);
  asked.json ? print_json(*pruned, asked.dry_run) : print_text(*pruned, asked.dry_run);
  return pruned->failed.empty() ? kOk : kFailed;
}

}  // namespace assent::cli
