// assent vault: ls, stat, prune, drill.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <ctime>
#include <sstream>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/policy_options.h"
#include "cli/record_view.h"
#include "cli/vault_verbs.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;

constexpr std::size_t kMostWords = 4096;

po::options_description described() {
  po::options_description all("options");
  auto add = all.add_options();
  add("dry-run,n", "prune: say what would go, remove nothing");
  add("older-than", po::value<std::string>()->value_name("DURATION"), "prune: whatever is older than this (14d, 36h)");
  add("max-total", po::value<std::string>()->value_name("SIZE"),
      "prune: the oldest, until no more than this is kept (20G, 500M)");
  add("verbose,v", "drill: name every object, not only the bad ones");
  add("json", "print as JSON, an object a line");
  add("help,h", "this text");
  return all;
}

void print_help(const po::options_description& options) {
  std::ostringstream text;
  text << options;
  fmt::print(
      "usage: assent vault ls [SESSION] [PATH...] [--json]\n"
      "       assent vault stat [--json]\n"
      "       assent vault prune [--older-than DURATION] [--max-total SIZE] [--dry-run] [--json]\n"
      "       assent vault drill [SESSION] [--verbose] [--json]\n\nWhat was there before the agent changed it, kept "
      "where the agent cannot reach. 'assent undo' puts it back.\n\n"
      "  ls     what is kept: sessions, undos and redos; with SESSION or PATH each object\n"
      "  stat   how much, by session and by file system, and the limits\n"
      "  prune  remove what is older than the profile's vault.retention, then the oldest above vault.max_total; never "
      "what is\n         younger than 24 hours, or of a session that runs\n"
      "  drill  really restore every kept object of a session into a scratch folder, compare content and metadata, "
      "remove it\n         again; exit status 1 where one is bad\n\nSESSION: an id, the beginning of one, or "
      "'last'.\n\n"
      "{}",
      text.str());
}

int usage(std::string_view why) { return complain("vault", why, kUsage); }

}  // namespace

Result<VaultLimits> vault_limits() {
  auto project = find_project(std::nullopt);
  if (!project) return pass(std::move(project));
  const auto policy = load_policy(*project, {}, decide::Layers::All);
  if (!policy) {
    std::string why = "the profile cannot be read";
    if (!policy.error().empty()) why = to_string(policy.error().front());
    return fail(EINVAL, why);
  }
  const auto& settings = policy->settings();
  return VaultLimits{settings.vault_max_file, settings.vault_max_total, settings.vault_retention};
}

std::string state_text(const VaultPlace& place, const undo::Kept& kept) {
  if (kept.began == 0) return "unreadable";
  if (is_undo(kept.transaction)) return kept.transaction.substr(0, 4);
  if (is_running(place, kept.transaction)) return "running";
  return kept.ended != 0 ? "ended" : "crashed";
}

std::string time_text(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "-";
  const std::time_t whole = nanoseconds / 1'000'000'000;
  std::tm local{};
  ::localtime_r(&whole, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                     local.tm_hour, local.tm_min, local.tm_sec);
}

int vault_main(Arguments arguments) {
  const auto options = described();
  auto parsed = parse_words(arguments, options, kMostWords);
  if (!parsed) return usage(parsed.error().what);
  const auto& given = parsed->given;
  if (given.count("help") != 0) return print_help(options), kOk;
  if (parsed->words.empty()) return usage("no action given: ls, stat, prune or drill");
  VaultAsked asked;
  const std::string action = parsed->words.front();
  asked.words.assign(parsed->words.begin() + 1, parsed->words.end());
  asked.json = given.count("json") != 0;
  asked.dry_run = given.count("dry-run") != 0;
  asked.verbose = given.count("verbose") != 0;
  if (given.count("older-than") != 0) asked.older_than = given["older-than"].as<std::string>();
  if (given.count("max-total") != 0) asked.max_total = given["max-total"].as<std::string>();
  const bool for_prune = asked.dry_run || asked.older_than || asked.max_total;
  if (for_prune && action != "prune") return usage("--dry-run, --older-than and --max-total belong to prune");
  auto place = find_vault();
  if (!place) return cannot("find the vault", place.error().what, kFailed);
  asked.place = std::move(*place);
  const auto too_many = [&](std::size_t most) { return asked.words.size() > most; };
  if (action == "ls") return vault_ls(asked);
  if (action == "stat") return too_many(0) ? usage("stat takes no words") : vault_stat(asked);
  if (action == "prune") return too_many(0) ? usage("prune takes options only") : vault_prune(asked);
  if (action == "drill") return too_many(1) ? usage("drill takes one session") : vault_drill(asked);
  return usage(fmt::format("unknown action '{}'", show(action)));
}

}  // namespace assent::cli
