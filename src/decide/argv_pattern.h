// ArgvPattern: the `argv` of an [[exec]] rule. Names of commands are for asking and showing; what protects is the gate
// on the effects, so a rule that asks or denies would rather match once too often.
//
// The first element is compared with the program's name (its path where the element has a slash). Each later element
// that is no flag must be found in this order; what stands between two of them must be flags. An element that begins
// with "-" must be found anywhere. What comes after the last one does not matter.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "assent/decision.h"
#include "assent/request.h"
#include "decide/pattern.h"

namespace assent::decide {

class ArgvPattern {
 public:
  // Adds an element. Error: one sentence.
  tl::expected<void, std::string> add(std::string_view element);

  // For an asking or denying rule, a word after a flag may be that flag's value ("git -C DIR push") and is passed over.
  [[nodiscard]] bool matches(const ExecSubject& subject, Verdict action) const;

 private:
  std::vector<Pattern> words_;  // the program first
  std::vector<Pattern> flags_;
  bool whole_path_ = false;
};

}  // namespace assent::decide
