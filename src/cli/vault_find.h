// What the verbs of the vault share: where it lies, which transaction a word of the command line means, and the lock
// that lets one of undo, redo, prune and drill work at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/file_id.h"
#include "assent/result.h"
#include "assent/unique_fd.h"
#include "undo/manifest.h"

namespace assent::cli {

struct VaultPlace {
  std::string state;  // $XDG_STATE_HOME/assent, canonical as far as it exists
  std::string vault;  // the manifests, and the first store
};
Result<VaultPlace> find_vault();

// A session, or an undo or redo, which are transactions too; perhaps one record of it.
struct Transaction {
  std::string id;
  std::optional<std::uint64_t> sequence;
};

// Whether a word is spelled as a transaction or record, as `assent show` spells them: last, 20261121-0215 (at least the
// eight digits), any of these with :NUMBER, a NUMBER of the last session, undo-…, redo-…. Everything else is a path.
bool names_transaction(std::string_view word);
// ENOENT: none, or none that kept something; EINVAL: several begin so.
Result<Transaction> find_transaction(const VaultPlace& place, std::string_view word);
// The newest undo that was not taken back yet. ENOENT: none.
Result<std::string> find_undo_to_redo(const VaultPlace& place);

// "20261121-021530-4f2a" is a session; "undo-…" and "redo-…" are not.
bool is_undo(std::string_view transaction);
// What the transaction's manifest says it is about: the project, or what it took back. Empty: not readable.
std::string about(const VaultPlace& place, const std::string& transaction);
// When something was kept for it first, nanoseconds since the epoch; 0: not readable.
std::int64_t began(const VaultPlace& place, const std::string& transaction);
// The session that an undo, or a redo of it, goes back to.
std::string session_of(const VaultPlace& place, std::string transaction);
// Whether the session's supervisor lives.
bool is_running(const VaultPlace& place, const std::string& transaction);

// Undos that no redo took back, newest first.
std::vector<std::string> standing_undos(const VaultPlace& place);
// The undos and redos that go back to a session.
std::vector<std::string> undos_of(const VaultPlace& place, const std::string& session);
// What the session's record says that the agent made, and what a redo made anew of that. Reads the log when first
// asked.
std::function<bool(const FileId&)> made_by_agent(const VaultPlace& place, const std::string& session);
// The same of later sessions that were taken back before; when that session ended.
std::function<std::optional<std::int64_t>(const FileId&)> made_later(const VaultPlace& place,
                                                                     const std::string& session);

// What a session that was killed left is made whole first: its record, what its broker had set aside, its manifest.
// Sentences for people. `as_read`: gets the manifest where there was nothing to mend.
std::vector<std::string> mend(const VaultPlace& place, const std::string& transaction,
                              std::optional<undo::Manifest>* as_read = nullptr);

// Waits for another one that works in the vault; says so on standard error. The lock goes with the descriptor.
Result<UniqueFd> lock_vault(const VaultPlace& place);

// "assent: cannot <doing>: <why>" on stderr; gives `status`. Of a fact, not of the command line.
int cannot(std::string_view doing, std::string_view why, int status);

// Absolute spellings of a path given on the command line, as the manifest writes them; a pattern over names stays.
std::vector<std::string> spellings(const std::string& word);

// "src/a.c" where it lies below the working directory, else the whole path; safe to show.
std::string place_text(const std::string& path, const std::string& working_directory);
// "12 B", "3.4 KiB", "1.2 GiB".
std::string size_text(std::uint64_t bytes);
// "1 file", "5,000 files".
std::string count_text(std::uint64_t count, std::string_view noun);

}  // namespace assent::cli
