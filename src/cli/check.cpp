// assent check: what the profile would decide, and which rule.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/leading_options.h"
#include "cli/policy_options.h"
#include "cli/verbs.h"
#include "decide/act.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using decide::Fact;

constexpr std::array<std::pair<const char*, Fact>, 7> kFacts{{{"own", Fact::Own},
                                                              {"recoverable", Fact::Recoverable},
                                                              {"replaced", Fact::Replaced},
                                                              {"touched", Fact::Touched},
                                                              {"own-folder", Fact::OwnFolder},
                                                              {"by-git", Fact::ByGit},
                                                              {"unkept", Fact::Unkept}}};

po::options_description described() {
  po::options_description all("options");
  auto add = all.add_options();
  add("profile,p", po::value<std::vector<std::string>>()->composing()->value_name("NAME|FILE"),
      "profile to use (repeatable; later ones add rules in front)");
  add("project,C", po::value<std::string>()->value_name("DIR"),
      "the project (default: the git top level, else the working directory)");
  add("own", "suppose that this session created the object");
  add("recoverable", "suppose that git holds it unmodified");
  add("replaced", "suppose that the deletion is a rename of another file over it");
  add("touched", "suppose that this session was already allowed to modify it");
  add("unkept", "suppose that its old content cannot be kept in the vault");
  add("own-folder", "suppose that this session created the folder it lies in");
  add("json", "print as JSON");
  add("help,h", "this text");
  return all;
}

int usage_error(const std::string& why) {
  fmt::print(stderr, "assent: cannot check: {}; see 'assent check --help'\n", why);
  return kUsage;
}

// The path as the kernel would name it: the folder it lies in resolved, its own name kept.
std::string resolved(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path whole = fs::absolute(path, error);
  while (!whole.has_filename() && whole.has_parent_path() && whole != whole.root_path()) whole = whole.parent_path();
  if (whole.filename() == "." || whole.filename() == "..") return fs::weakly_canonical(whole, error).string();
  const fs::path folder = fs::weakly_canonical(whole.parent_path(), error);
  return error ? path : (folder / whole.filename()).string();
}

std::string subject_of(const std::vector<std::string>& words, const Request& request) {
  if (const auto* files = std::get_if<std::vector<FileSubject>>(&request.subject)) return show(files->front().path);
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  return words.front() == "exec" ? show_command(rest) : show(rest.front());
}

void print_json(const std::vector<std::string>& words, const std::string& subject, const Decision& decision) {
  nlohmann::ordered_json out;
  out["operation"] = show(words.front());
  out["object"] = subject;
  out["verdict"] = name(decision.verdict);
  out["rule"] = show(to_string(decision.rule));
  out["reason"] = show(decision.reason);
  if (decision.verdict != Verdict::Allow) out["errno"] = strerrorname_np(decision.error);
  if (decision.verdict == Verdict::Ask) {
    out["quorum"] = decision.quorum;
    out["approvers"] = nlohmann::json::array();
    for (const auto& who : decision.approvers) out["approvers"].push_back(show(who));
    out["not_self"] = decision.not_self;
    out["timeout_seconds"] = decision.timeout.count();
    out["confirm_over"] = decision.confirm_over;
  }
  fmt::print("{}\n", out.dump());
}

void print_text(const std::vector<std::string>& words, const std::string& subject, const Decision& decision) {
  fmt::print("{} {} {} ({})", name(decision.verdict), show(words.front()), subject, show(to_string(decision.rule)));
  if (!decision.reason.empty()) fmt::print(": {}", show(decision.reason));
  if (decision.verdict == Verdict::Deny) fmt::print(" [{}]", strerrorname_np(decision.error));
  if (decision.verdict == Verdict::Ask && decision.quorum > 1) fmt::print(" [{} people]", decision.quorum);
  fmt::print("\n");
}

}  // namespace

int check_main(Arguments arguments) {
  const auto options = described();
  auto parsed = parse_leading(arguments, options);
  if (!parsed) return usage_error(parsed.error().what);
  const auto& given = parsed->given;
  std::vector<std::string>& words = parsed->rest;
  if (given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent check [options] OPERATION PATH\n       assent check [options] connect "
        "HOST:PORT|udp:HOST:PORT|unix:PATH\n"
        "       assent check [options] exec COMMAND [ARG...]\n\nSays what the profile would decide, and which rule. "
        "OPERATION: create, modify, truncate,\n"
        "rename, delete, metadata. Exit status: 0 allow, 1 ask or deny.\n\n{}",
        text.str());
    return kOk;
  }
  if (words.empty()) return usage_error("no operation given");

  auto project =
      find_project(given.count("project") != 0 ? std::optional(given["project"].as<std::string>()) : std::nullopt);
  if (!project) {
    fmt::print(stderr, "assent: {}; name a folder with -C\n", project.error().what);
    return kFailed;
  }
  auto policy = load_policy(*project, values_of(given, "profile"), decide::Layers::All);
  if (!policy) {
    print_problems("check", policy.error());
    return kFailed;
  }
  decide::Assumed assumed;
  for (const auto& [option, fact] : kFacts) {
    if (given.count(option) != 0) assumed.facts |= bit(fact);
  }
  if (words.size() == 2 && operation_from_name(words.front())) words[1] = resolved(words[1]);
  const auto request = decide::request_for(*policy, words, assumed, *project);
  if (!request) return usage_error(request.error());

  const Decision decision = policy->decide(*request);
  const std::string subject = subject_of(words, *request);
  if (given.count("json") != 0) {
    print_json(words, subject, decision);
  } else {
    print_text(words, subject, decision);
  }
  return decision.verdict == Verdict::Allow ? kOk : kNegative;
}

}  // namespace assent::cli
