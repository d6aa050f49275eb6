// Settings: everything of the profiles that is no rule, merged and expanded: what the floor is built from.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assent/decision.h"
#include "decide/pattern.h"
#include "decide/profile.h"

namespace assent::decide {

struct Folder {
  std::string path;  // absolute, no slash at the end (but "/")
  RuleRef origin;
};

struct HiddenPattern {
  std::string text;   // as written
  std::string plain;  // the path where the pattern has no wild card and is absolute, else empty
  Pattern pattern;
  RuleRef origin;
};

struct Settings {
  std::vector<Folder> gated, free, private_, read;
  std::vector<HiddenPattern> hide;
  std::vector<std::string> shown;  // folders the user wants seen although something hides them (--read)

  std::vector<Pattern> pass;  // names of variables that are passed
  std::vector<Variable> set;  // later ones win

  Verdict unmatched = Verdict::Ask;
  RuleRef unmatched_rule{"built-in", 0};
  std::vector<std::string> unmatched_approvers;
  std::chrono::seconds timeout{300};
  std::uint64_t confirm_over = 20;
  Mode mode = Mode::Live;

  bool keep = true;
  std::uint64_t vault_max_file = 2ULL << 30;
  std::uint64_t vault_max_total = 20ULL << 30;
  std::chrono::seconds vault_retention{14 * 24 * 3600};
  Limits limits;
  Notify notify;
};

}  // namespace assent::decide
