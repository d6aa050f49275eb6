// The grammar of globs: text to a list of pieces. What they mean is pattern.cpp's matter.
#pragma once

#include <tl/expected.hpp>

#include <bitset>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "decide/pattern.h"

namespace assent::decide {

struct AnyRun {};   // *
struct AnyDeep {};  // **
struct AnyByte {};  // ?
using ByteSet = std::bitset<256>;
struct Choice;  // {a,b}
using Piece = std::variant<char, AnyRun, AnyDeep, AnyByte, ByteSet, Choice>;
using Glob = std::vector<Piece>;
struct Choice {
  std::vector<Glob> branches;
};

// Limits: 4096 bytes, braces eight deep. Error: one sentence.
tl::expected<Glob, std::string> parse_glob(std::string_view text, Pattern::Over over, const Places& places);

}  // namespace assent::decide
