// A rule written for people: the TOML of one that allows what a question asked, and its place in a profile's text.
// Pure. Names come from an agent. They stand as globs in which every byte that is not plain is \xHH, inside a literal
// string: no name can end the string, match more than itself, or be taken for anything else.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>

#include "assent/question.h"

namespace assent::decide {

// A glob that matches exactly these bytes.
std::string literal_glob(std::string_view bytes);

// The text of the rule, with a newline at its end. What it allows: the operation of the question on what was shown: the
// tree that was counted, else the object alone. `why`: one line for the reason, and for the comment; made safe here.
// Error: one sentence why no rule can say it.
tl::expected<std::string, std::string> allowing_rule(const Question& question, std::string_view reason,
                                                     std::string_view comment);

// The profile's text with the rule before the one whose header stands in `line` (and before the comments that belong to
// that one), or at the end where `line` is 0. Nothing else changes.
std::string with_rule(std::string_view profile, std::string_view rule, int line);

// The text of a new profile of this name that adds to the one of the same name further along the search path.
std::string new_profile(std::string_view name);

}  // namespace assent::decide
