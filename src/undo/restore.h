// restore: takes back what a transaction of the vault stands for: a session, or an undo (that is a redo).
// In: a manifest, what of it is wanted. Out: what was done for each path, what was refused and why.
// It replays the manifest's own lines, last first, and nothing else: it never makes a tree equal to anything. What
// is in the way is kept first (in the restore's own transaction, so it can be taken back); what was not the agent's, or
// was changed since, is a conflict, told and left alone. May run while the session does, and may be killed and
// repeated.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/file_id.h"
#include "assent/result.h"
#include "undo/manifest.h"

namespace assent::undo {

struct Wanted {
  std::optional<std::uint64_t> sequence;  // of one audit record
  // Absolute paths (with all below them), or globs: * ? [a-z] over the whole path, or over a name where there is no
  // slash. Empty: everything.
  std::vector<std::string> paths;

  [[nodiscard]] bool everything() const { return !sequence && paths.empty(); }
  [[nodiscard]] bool matches(std::string_view path) const;
};

// Numbers of a restore's own steps begin here; below are those of audit records.
inline constexpr std::uint64_t kOwnSteps = 1ULL << 40;

enum class DryRun { No, Yes };

struct RestoreOptions {
  std::string state_vault;
  std::string transaction;      // to take back
  std::string new_transaction;  // for what is kept on the way
  Wanted wanted{};
  DryRun dry_run = DryRun::No;
  std::function<bool(const FileId&)> made_by_agent{};  // what may be put aside
  // May be put aside as well: what a later session made that was taken back before. When that session ended; 0: it
  // runs.
  std::function<std::optional<std::int64_t>(const FileId&)> made_later{};
  std::function<void(int)> on_step{};  // after every change on the disk, by whichever thread, one at a time; for tests
};

enum class Done { Restored, Already, Conflict, Failed };
std::string_view name(Done done);  // "restored" | "already" | "conflict" | "failed"

struct Item {
  std::string path;
  std::string what;  // "content", "file", "folder", "name", "metadata" …
  Done done = Done::Restored;
  std::string why;      // of a conflict or failure; of a doubt: "it may have changed after it was kept"
  std::string other{};  // of a name: the one that it had meanwhile
};

struct Restored {
  std::vector<Item> items;  // in the order in which it was done
  std::uint64_t restored = 0, already = 0, conflicts = 0, failed = 0;
  std::uint64_t damaged = 0;  // lines of the manifest that could not be read
};

Result<Restored> restore(const RestoreOptions& options);
Result<Restored> restore(const RestoreOptions& options, Manifest manifest);  // as it was read just now

// "undo-20261121-021530-4f2a": sorts by time among themselves.
std::string new_undo_id();

}  // namespace assent::undo
