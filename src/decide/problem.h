// Problem: one thing wrong in a profile, where it stands, and what to do. All are collected, not only the first.
#pragma once

#include <string>
#include <vector>

namespace assent::decide {

struct At {
  int line = 0;  // from 1; 0: unknown, or not from a file
  int column = 0;

  friend bool operator==(const At&, const At&) = default;
};

struct Problem {
  std::string file;  // as shown to people
  At at;
  std::string what;  // one sentence, already safe to show

  friend bool operator==(const Problem&, const Problem&) = default;
};
using Problems = std::vector<Problem>;

// By file (in the order they first appear), line and column; each once.
void arrange(Problems& problems);

std::string to_string(const Problem& problem);  // "default.toml:31:10: unknown key \"acton\" in [[file]]; …"

}  // namespace assent::decide
