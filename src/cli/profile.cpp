// assent profile: ls, show, lint, test, init.
#include <fcntl.h>
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/show.h"
#include "base/sys.h"
#include "cli/exit_status.h"
#include "cli/leading_options.h"
#include "cli/policy_options.h"
#include "cli/profile_show.h"
#include "cli/verbs.h"
#include "decide/act.h"
#include "decide/sources.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using decide::Layers;

enum class Output { Text, Json };

struct Chosen {
  std::string project;
  std::vector<std::string> profiles;
  Output output = Output::Text;
};

constexpr std::string_view kSkeleton =
    R"(# What holds for agents in this project, beside the profile of whoever runs them. A project can only make things
# stricter: an "allow" here says nothing. See assent-profile(5); `assent profile lint` reads it through.
version     = 1
description = "Rules of this project"

# [filesystem]
# hide = ["${PROJECT}/secrets"]               # not there for the agent

# [[file]]
# ops    = ["modify", "truncate", "rename", "delete"]
# paths  = ["${PROJECT}/migrations/**"]
# action = "ask"
# reason = "migrations that ran are never changed"

# [[exec]]
# argv   = ["terraform", "destroy|apply"]
# action = "ask"
# reason = "changes infrastructure"

# [[test]]                                    # `assent profile test`
# act    = "delete ${PROJECT}/migrations/0001.sql"
# expect = "ask"
)";

int list_profiles(const Chosen& chosen) {
  const decide::Sources sources(decide::profile_folders(decide::load_options(chosen.project)));
  if (chosen.output == Output::Json) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& profile : sources.list()) {
      out.push_back(
          {{"name", show(profile.name)}, {"file", show(profile.file)}, {"description", show(profile.description)}});
    }
    fmt::print("{}\n", out.dump());
    return kOk;
  }
  for (const auto& profile : sources.list()) {
    const bool shipped = profile.file.find('/') == std::string::npos;
    fmt::print("{:<14} {}{}\n", show(profile.name), show(profile.description),
               shipped ? "" : fmt::format(" ({})", show(profile.file)));
  }
  return kOk;
}

int show_profile(const Chosen& chosen) {
  auto policy = load_policy(chosen.project, chosen.profiles, Layers::All);
  if (!policy) {
    print_problems("show the profile", policy.error());
    return kFailed;
  }
  fmt::print("{}", chosen.output == Output::Json ? policy_json(*policy) : policy_text(*policy));
  return kOk;
}

// Each named profile alone; without names what a session here would load.
struct Unit {
  std::string name;
  tl::expected<decide::Policy, decide::Problems> policy;
};
std::vector<Unit> units(const Chosen& chosen) {
  std::vector<Unit> out;
  if (chosen.profiles.empty()) out.push_back({"default", load_policy(chosen.project, {}, Layers::All)});
  for (const auto& profile : chosen.profiles)
    out.push_back({profile, load_policy(chosen.project, {profile}, Layers::ProfileOnly)});
  return out;
}

std::string told(const decide::TestOutcome& outcome) {
  if (!outcome.problem.empty()) return fmt::format("{}: {}", show(to_string(outcome.test)), outcome.problem);
  return fmt::format("{}: {}: expected {}, got {} by {}", show(to_string(outcome.test)), show(outcome.act),
                     name(outcome.expected), name(outcome.decision.verdict), show(to_string(outcome.decision.rule)));
}

enum class Telling { Lint, Test };

int examine(const Chosen& chosen, Telling telling) {
  bool good = true;
  auto json = nlohmann::ordered_json::array();
  for (const auto& unit : units(chosen)) {
    nlohmann::ordered_json entry{{"profile", show(unit.name)},
                                 {"problems", nlohmann::json::array()},
                                 {"tests", 0},
                                 {"failed", nlohmann::json::array()}};
    std::size_t passed = 0;
    std::vector<std::string> lines;
    if (!unit.policy) {
      for (const auto& problem : unit.policy.error()) {
        entry["problems"].push_back({{"file", show(problem.file)},
                                     {"line", problem.at.line},
                                     {"column", problem.at.column},
                                     {"what", problem.what}});
        lines.push_back(to_string(problem));
      }
    } else {
      const auto outcomes = run_tests(*unit.policy);
      entry["tests"] = outcomes.size();
      for (const auto& outcome : outcomes) {
        passed += outcome.passed() ? 1 : 0;
        if (outcome.passed()) continue;
        lines.push_back(told(outcome));
        entry["failed"].push_back(lines.back());
      }
    }
    good = good && lines.empty();
    json.push_back(std::move(entry));
    if (chosen.output == Output::Json) continue;
    for (const auto& line : lines) fmt::print("{}\n", line);
    if (lines.empty()) {
      fmt::print("{}: {}{} {} passed\n", show(unit.name), telling == Telling::Lint ? "no problems, " : "", passed,
                 passed == 1 ? "test" : "tests");
    }
  }
  if (chosen.output == Output::Json) fmt::print("{}\n", json.dump());
  return good ? kOk : kNegative;
}

int init_project(const Chosen& chosen) {
  const std::string path = chosen.project + "/.assent.toml";
  auto file = sys::openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (!file) {
    const bool there = file.error().code == EEXIST;
    fmt::print(stderr, "assent: cannot create {}: {} ({}); {}\n", show(path),
               there ? "it is there already" : show(file.error().what), strerrorname_np(file.error().code),
               there ? "edit it, or remove it first" : "check the folder");
    return there ? kNegative : kFailed;
  }
  if (auto written = sys::write_all(file->get(), kSkeleton); !written) {
    fmt::print(stderr, "assent: cannot write {}: {} ({}); check the disk\n", show(path), show(written.error().what),
               strerrorname_np(written.error().code));
    return kFailed;
  }
  fmt::print("{}\n", show(path));
  return kOk;
}

int usage_error(const std::string& why) {
  fmt::print(stderr, "assent: cannot use profile: {}; see 'assent profile --help'\n", why);
  return kUsage;
}

void print_help(const po::options_description& options) {
  std::ostringstream text;
  text << options;
  fmt::print(
      "usage: assent profile ls|show|lint|test|init [options] [NAME|FILE...]\n\n"
      "  ls     every profile there is\n"
      "  show   what a session here would go by: every setting and rule with its origin\n"
      "  lint   read profiles through and run their tests; 1 where something is wrong\n"
      "  test   run the [[test]] rules of profiles; 1 where one fails\n"
      "  init   create .assent.toml for this project\n\n{}",
      text.str());
}

}  // namespace

int profile_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("profile,p", po::value<std::vector<std::string>>()->composing()->value_name("NAME|FILE"),
                        "the same as NAME|FILE")(
      "project,C", po::value<std::string>()->value_name("DIR"),
      "the project (default: the git top level, else the working directory)")("json", "print as JSON")("help,h",
                                                                                                       "this text");
  // The action may stand before its options, and names between them.
  std::vector<std::string> names;
  std::vector<std::string> left(arguments.begin(), arguments.end());
  Chosen chosen;
  std::optional<std::string> directory;
  while (!left.empty()) {
    auto parsed = parse_leading(left, options);
    if (!parsed) return usage_error(parsed.error().what);
    if (parsed->given.count("help") != 0) {
      print_help(options);
      return kOk;
    }
    if (parsed->given.count("json") != 0) chosen.output = Output::Json;
    if (parsed->given.count("project") != 0) directory = parsed->given["project"].as<std::string>();
    for (auto& value : values_of(parsed->given, "profile")) chosen.profiles.push_back(std::move(value));
    left = std::move(parsed->rest);
    if (left.empty()) break;
    names.push_back(left.front());
    left.erase(left.begin());
  }
  if (names.empty()) return usage_error("no action given");
  chosen.profiles.insert(chosen.profiles.end(), names.begin() + 1, names.end());

  auto project = find_project(directory);
  if (!project) {
    fmt::print(stderr, "assent: {}; name a folder with -C\n", project.error().what);
    return kFailed;
  }
  chosen.project = std::move(*project);
  const std::string& action = names.front();
  if (action == "ls") return list_profiles(chosen);
  if (action == "show") return show_profile(chosen);
  if (action == "lint") return examine(chosen, Telling::Lint);
  if (action == "test") return examine(chosen, Telling::Test);
  if (action == "init") return init_project(chosen);
  return usage_error(fmt::format("unknown action '{}'", show(action)));
}

}  // namespace assent::cli
