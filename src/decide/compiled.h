// What a Policy holds. Of policy.cpp (judging) and policy_load.cpp (building) only.
#pragma once

#include "decide/policy.h"
#include "decide/protect.h"
#include "decide/rules.h"

namespace assent::decide {

struct Layer {
  std::string name;
  enum class Standing { Full, TightenOnly } standing = Standing::Full;
  RuleLists rules;
};

struct Policy::Compiled {
  Places places;
  std::vector<Layer> layers;
  Settings settings;
  Protected own{{}};
  std::vector<std::string> files;
  std::vector<Expected> expectations;

  Ruling unmatched;      // nobody has a say
  Ruling protected_own;  // assent's own files
  Ruling hidden;
  Ruling kernel;  // /proc, /sys, /dev: never through us
  Ruling floor;   // free and private folders
  Ruling frozen;
  Ruling ungated;  // a program start that no rule names

  template <class Match>
  const Ruling& strictest(Match first_match) const;
  const Ruling& file(const FileSubject& subject, const Scene& scene) const;
  const Ruling& net(const NetSubject& subject) const;
  const Ruling& exec(const ExecSubject& subject) const;
};

}  // namespace assent::decide
