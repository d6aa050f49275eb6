// assent vault ls: the sessions, undos and redos that the vault keeps something of; or the objects of them.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "cli/restored_view.h"
#include "cli/vault_verbs.h"
#include "undo/restore.h"

namespace assent::cli {

namespace {

using undo::Kept;
using undo::KeptObject;

// What became of it, as people would say it.
std::string_view word_for(const KeptObject& object) {
  switch (object.kind) {
    case undo::Kind::Removed:
      return "removed";
    case undo::Kind::Folder:
      return "folder";
    case undo::Kind::Content:
      return "content";
    case undo::Kind::Changed:
      return "metadata";
    case undo::Kind::Renamed:
    case undo::Kind::Swapped:
      return "renamed";
    case undo::Kind::Begin:
    case undo::Kind::Store:
    case undo::Kind::Linked:
    case undo::Kind::Parent:
    case undo::Kind::Placed:
    case undo::Kind::Made:
    case undo::Kind::Already:
    case undo::Kind::Failed:
    case undo::Kind::Void:
    case undo::Kind::End:
    case undo::Kind::Hashed:
      break;
  }
  return "";
}

// As `assent undo` takes it.
std::string record_text(const std::string& transaction, const KeptObject& object) {
  if (object.sequence == 0 || object.sequence >= undo::kOwnSteps) return show(transaction);
  return fmt::format("{}:{}", show(transaction), object.sequence);
}

// Of an object that has bytes of its own in the vault. The rest lives in the manifest.
std::string_view where(const KeptObject& object) {
  const bool bytes = object.kind == undo::Kind::Removed || object.kind == undo::Kind::Content;
  if (!bytes) return "noted";
  return object.in_vault ? "kept" : "gone";
}

void print_transactions(const VaultPlace& place, const std::vector<Kept>& all, bool json) {
  if (!json && !all.empty()) {
    fmt::print("{:<25}  {:<19}  {:<8}  {:>8}  {:>8}  {}\n", "SESSION", "BEGAN", "STATE", "OBJECTS", "SIZE", "OF");
  }
  for (const Kept& kept : all) {
    if (json) {
      nlohmann::ordered_json out;
      out["transaction"] = show(kept.transaction);
      out["state"] = state_text(place, kept);
      put_path(out, "of", kept.about);
      out["began_ns"] = kept.began;
      if (kept.ended != 0) out["ended_ns"] = kept.ended;
      out["objects"] = kept.objects;
      out["bytes"] = kept.bytes;
      out["damaged"] = kept.damaged;
      fmt::print("{}\n", out.dump());
      continue;
    }
    fmt::print("{:<25}  {:<19}  {:<8}  {:>8}  {:>8}  {}{}\n", show(kept.transaction), time_text(kept.began),
               state_text(place, kept), kept.objects, size_text(kept.bytes), show(kept.about),
               kept.damaged > 0 ? fmt::format("  ({} damaged)", count_text(kept.damaged, "line")) : "");
  }
}

// Gives how many were shown.
Result<std::size_t> print_objects(const VaultAsked& asked, const std::string& transaction,
                                  const std::vector<std::string>& words, std::optional<std::uint64_t> sequence,
                                  std::vector<bool>& fits) {
  auto objects = undo::objects(asked.place.vault, transaction);
  if (!objects) return pass(std::move(objects));
  std::error_code error;
  const std::string cwd = std::filesystem::current_path(error).string();
  std::vector<undo::Wanted> wanted(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) wanted[i].paths = spellings(words[i]);
  std::size_t shown = 0;
  for (const KeptObject& object : *objects) {
    if (sequence && object.sequence != *sequence) continue;
    bool match = words.empty();
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!wanted[i].matches(object.path)) continue;
      match = fits[i] = true;
    }
    if (!match) continue;
    ++shown;
    if (asked.json) {
      nlohmann::ordered_json out;
      out["transaction"] = show(transaction);
      if (object.sequence < undo::kOwnSteps) out["record"] = object.sequence;
      out["kind"] = word_for(object);
      put_path(out, "path", object.path);
      out["bytes"] = object.size;
      out["state"] = where(object);
      if (object.written) out["written"] = true;
      fmt::print("{}\n", out.dump());
      continue;
    }
    fmt::print("{:<32}  {:<8}  {:>8}  {:<5}  {}{}\n", record_text(transaction, object), word_for(object),
               where(object) == "noted" ? "-" : size_text(object.size), where(object), place_text(object.path, cwd),
               object.written ? "  (the agent had it open for writing)" : "");
  }
  return shown;
}

}  // namespace

int vault_ls(const VaultAsked& asked) {
  auto words = asked.words;
  std::vector<Transaction> transactions;
  const bool named = !words.empty() && names_transaction(words.front());
  if (named) {
    auto found = find_transaction(asked.place, words.front());
    if (!found) return cannot("list the vault", found.error().what, kNegative);
    transactions.push_back(std::move(*found));
    words.erase(words.begin());
  }
  if (!named) {
    const auto all = undo::list(asked.place.vault);
    if (!all) return cannot("list the vault", all.error().what, kFailed);
    if (words.empty()) return print_transactions(asked.place, *all, asked.json), kOk;
    for (const Kept& kept : *all) transactions.push_back({kept.transaction, std::nullopt});
  }
  if (!asked.json) fmt::print("{:<32}  {:<8}  {:>8}  {:<5}  {}\n", "RECORD", "KIND", "SIZE", "STATE", "PATH");
  int status = kOk;
  std::vector<bool> fits(words.size());
  for (const auto& [id, sequence] : transactions) {
    const auto shown = print_objects(asked, id, words, sequence, fits);
    if (!shown) status = cannot("list the vault", shown.error().what, kFailed);
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (fits[i]) continue;
    fmt::print(stderr, "assent: the vault keeps nothing of {}\n", show(words[i]));
    status = std::max(status, kNegative);
  }
  return status;
}

}  // namespace assent::cli
