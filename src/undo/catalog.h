// catalog: what the vault holds, how much, for how long; what a transaction that was killed left; and the drill.
// In: the vault's folders and manifests. Never: touches a transaction that runs, or one inside its minimum age.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "undo/manifest.h"
#include "undo/vault_clock.h"

namespace assent::undo {

struct KeptObject {
  std::string path;
  Kind kind = Kind::Removed;
  std::uint64_t sequence = 0;
  std::uint64_t size = 0;
  How how = How::Moved;
  bool written = false;
  bool in_vault = false;
};

struct Kept {  // one transaction
  std::string transaction;
  std::string about;          // the project; of an undo: the transaction that it took back
  std::int64_t began = 0;     // nanoseconds since the epoch
  std::int64_t ended = 0;     // 0: runs, or was killed
  std::uint64_t objects = 0;  // in the vault now
  std::uint64_t bytes = 0;
  std::uint64_t damaged = 0;
  std::vector<std::string> folders;     // its own in every store, the one with the manifest first
  std::vector<std::uint64_t> bytes_in;  // of `bytes`, in each of them
};

// Oldest first. Those without a readable manifest are listed too.
Result<std::vector<Kept>> list(const std::string& state_vault);
Result<Kept> describe(const std::string& state_vault, const std::string& transaction);
Result<std::vector<KeptObject>> objects(const std::string& state_vault, const std::string& transaction);
// The restores of a transaction, and those of these (redos), oldest first: their first lines name what they take back.
std::vector<std::string> transactions_about(const std::string& state_vault, const std::string& transaction);
// The end of a transaction, where its last line says it; quick, however long the manifest is.
std::optional<Record> end_of(const std::string& state_vault, const std::string& transaction);
// Quick, for the limit: what the ends of the manifests say.
std::uint64_t bytes_kept(const std::string& state_vault);

inline constexpr std::chrono::hours kMinimumAge{24};

struct PruneOptions {
  std::string state_vault;
  std::chrono::seconds retention{14 * 24 * 3600};
  std::uint64_t max_total = 20ULL << 30;
  std::chrono::seconds minimum_age = kMinimumAge;
  std::int64_t now_ns = 0;
  std::vector<ClockJump> jumps{};  // of the clock that `now_ns` is of
  std::function<bool(const std::string& transaction)> is_running{};
  bool dry_run = false;
};
struct Pruned {
  std::vector<Kept> removed;
  std::uint64_t bytes = 0;  // set free
  std::uint64_t left = 0;   // bytes still kept
  std::vector<Error> failed;
};
Result<Pruned> prune(const PruneOptions& options);
// The newest end of a transaction; 0: there is none. Quick.
std::int64_t newest_end(const std::string& state_vault);
// Quick, for the start of a session: whether prune() could have something to do, by the ends of the manifests.
bool prune_due(const PruneOptions& options);

// After a crash: every line is compared with the disk, objects without a line get one, the transaction is ended.
struct Recovered {
  std::uint64_t in_place = 0, in_vault = 0, unlisted = 0, damaged = 0;
  std::vector<std::string> missing;  // neither here nor there: taken away by somebody else since
  bool was_open = false;             // it had no end
};
Result<Recovered> recover(const std::string& state_vault, const std::string& transaction);

struct DrillItem {
  std::string path;
  bool good = false;
  std::string why;
  std::string hash;  // BLAKE2b-256 of the restored content
};
struct Drill {
  std::vector<DrillItem> items;
  std::uint64_t good = 0, bad = 0, bytes = 0;
  std::uint64_t compared = 0, noted = 0;  // contents compared with what an earlier drill found; noted for a later one
  std::optional<Error> not_noted;         // why the rest could not be noted
};
// Restores every kept object into the empty folder `scratch` and compares it with what was kept and noted; its content
// with what the first drill found, which is written down.
Result<Drill> drill(const std::string& state_vault, const std::string& transaction, const std::string& scratch);

}  // namespace assent::undo
