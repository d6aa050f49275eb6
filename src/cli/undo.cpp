// assent undo, assent redo: takes back what a session did, or an undo.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <sstream>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "cli/restored_view.h"
#include "cli/vault_find.h"
#include "undo/restore.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;

constexpr std::size_t kMostWords = 4096;

po::options_description described() {
  po::options_description all("options");
  auto add = all.add_options();
  add("dry-run,n", "say what would be done, change nothing");
  add("verbose,v", "list everything, also what is as it was already");
  add("json", "one JSON object");
  add("help,h", "this text");
  return all;
}

void print_undo_help(const po::options_description& options) {
  std::ostringstream text;
  text << options;
  fmt::print(
      "usage: assent undo [SESSION | SESSION:NUMBER | NUMBER | last] [PATH...] [options]\n\nPuts back what a session "
      "deleted, replaced, wrote over, renamed or changed, to the exact bytes and metadata.\nSESSION: an id, the "
      "beginning of one, or 'last' (the default): the newest session that the vault keeps something\nof. NUMBER: one "
      "record, as 'assent log' and 'assent show' name it. PATH: a file, a folder with all in it, or a\npattern (* ? "
      "[a-z]; without a slash it is matched against names). A file that is called like a session is\nwritten ./NAME."
      "\n\nWhat somebody else changed since is a conflict: it is told, left alone, and everything else is restored.\n"
      "What stands in the way and was the agent's is kept first; 'assent redo' brings it back.\n"
      "Exit status 1 where there was a conflict, a failure, or nothing to undo.\n\n{}",
      text.str());
}

void print_redo_help(const po::options_description& options) {
  std::ostringstream text;
  text << options;
  fmt::print(
      "usage: assent redo [UNDO-ID] [options]\n\nTakes an undo back: everything is again as it was before it. UNDO-ID: "
      "as 'assent undo' printed it and\n'assent vault ls' lists it; else the newest undo that was not taken back "
      "yet.\nExit status 1 where there was a conflict, a failure, or nothing to redo.\n\n{}",
      text.str());
}

struct Asked {
  Transaction transaction;
  std::vector<std::string> paths;
  bool dry_run = false;
  bool verbose = false;
  bool json = false;
};

// Words of the command line that stand for nothing that the vault keeps of this transaction.
std::vector<std::string> unmatched(const std::vector<std::string>& words, const undo::Restored& restored) {
  std::vector<std::string> out;
  for (const auto& word : words) {
    undo::Wanted wanted;
    wanted.paths = spellings(word);
    const bool fits = std::ranges::any_of(restored.items, [&](const undo::Item& item) {
      return wanted.matches(item.path) || (!item.other.empty() && wanted.matches(item.other));
    });
    if (!fits) out.push_back(word);
  }
  return out;
}

int take_back(const char* verb, const VaultPlace& place, const Asked& asked) {
  auto lock = lock_vault(place);
  if (!lock) return cannot(verb, lock.error().what, kFailed);
  const std::string& of = asked.transaction.id;
  std::optional<undo::Manifest> manifest;
  for (const auto& said : mend(place, of, &manifest)) fmt::print(stderr, "assent: {}\n", said);

  const bool is_redo = std::string_view(verb) == "redo";
  undo::RestoreOptions options;
  options.state_vault = place.vault;
  options.transaction = of;
  options.new_transaction = undo::new_undo_id();
  if (is_redo) options.new_transaction.replace(0, 4, "redo");
  options.wanted.sequence = asked.transaction.sequence;
  for (const auto& word : asked.paths) {
    for (auto& spelling : spellings(word)) options.wanted.paths.push_back(std::move(spelling));
  }
  options.dry_run = asked.dry_run ? undo::DryRun::Yes : undo::DryRun::No;
  options.made_by_agent = made_by_agent(place, session_of(place, of));
  options.made_later = made_later(place, session_of(place, of));
  auto restored = manifest ? undo::restore(options, std::move(*manifest)) : undo::restore(options);
  if (!restored) return cannot(verb, restored.error().what, restored.error().code == ENOENT ? kNegative : kFailed);

  RestoredView view;
  view.verb = verb;
  view.transaction = of;
  if (asked.transaction.sequence) view.transaction += fmt::format(":{}", *asked.transaction.sequence);
  view.tense = asked.dry_run ? Tense::Would : Tense::Done;
  view.listing = asked.verbose ? Listing::All : Listing::Some;
  view.unmatched = unmatched(asked.paths, *restored);
  if (restored->restored > 0 && !asked.dry_run) {
    view.kept_as = options.new_transaction;
    view.take_back = (is_redo ? "assent undo " : "assent redo ") + options.new_transaction;
  }
  asked.json ? print_json(view, *restored) : print_text(view, *restored);
  const bool one_record_missing = asked.transaction.sequence && restored->items.empty();
  if (one_record_missing) {
    fmt::print(
        stderr,
        "assent: the vault keeps nothing for record {}: it changed nothing that was there before, or content that "
        "was kept already, before an earlier record of the session changed it\n",
        show(view.transaction));
  }
  const bool whole = restored->conflicts == 0 && restored->failed == 0 && restored->damaged == 0 &&
                     view.unmatched.empty() && !one_record_missing;
  return whole ? kOk : kNegative;
}

}  // namespace

int undo_main(Arguments arguments) {
  const auto options = described();
  auto parsed = parse_words(arguments, options, kMostWords);
  if (!parsed) return complain("undo", parsed.error().what, kUsage);
  const auto& given = parsed->given;
  if (given.count("help") != 0) return print_undo_help(options), kOk;
  Asked asked;
  asked.dry_run = given.count("dry-run") != 0;
  asked.verbose = given.count("verbose") != 0;
  asked.json = given.count("json") != 0;
  asked.paths = std::move(parsed->words);
  const auto place = find_vault();
  if (!place) return cannot("undo", place.error().what, kFailed);
  std::string word = "last";
  if (!asked.paths.empty() && names_transaction(asked.paths.front())) {
    word = asked.paths.front();
    asked.paths.erase(asked.paths.begin());
  }
  auto transaction = find_transaction(*place, word);
  if (!transaction) return cannot("undo", transaction.error().what, kNegative);
  asked.transaction = std::move(*transaction);
  return take_back("undo", *place, asked);
}

int redo_main(Arguments arguments) {
  const auto options = described();
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("redo", parsed.error().what, kUsage);
  const auto& given = parsed->given;
  if (given.count("help") != 0) return print_redo_help(options), kOk;
  Asked asked;
  asked.dry_run = given.count("dry-run") != 0;
  asked.verbose = given.count("verbose") != 0;
  asked.json = given.count("json") != 0;
  const auto place = find_vault();
  if (!place) return cannot("redo", place.error().what, kFailed);
  if (parsed->words.empty() || parsed->words.front() == "last") {
    auto last = find_undo_to_redo(*place);
    if (!last) return cannot("redo", last.error().what, kNegative);
    asked.transaction.id = std::move(*last);
  } else {
    const auto& word = parsed->words.front();
    if (!is_undo(word))
      return complain("redo", fmt::format("'{}' is no id of an undo ('assent vault ls' lists them)", show(word)),
                      kUsage);
    auto found = find_transaction(*place, word);
    if (!found) return cannot("redo", found.error().what, kNegative);
    asked.transaction = std::move(*found);
  }
  return take_back("redo", *place, asked);
}

}  // namespace assent::cli
