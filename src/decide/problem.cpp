#include "decide/problem.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/show.h"

namespace assent::decide {

void arrange(Problems& problems) {
  std::map<std::string, std::size_t> first;
  for (const auto& problem : problems) first.emplace(problem.file, first.size());
  std::stable_sort(problems.begin(), problems.end(), [&first](const Problem& a, const Problem& b) {
    return std::tuple(first.at(a.file), a.at.line, a.at.column) < std::tuple(first.at(b.file), b.at.line, b.at.column);
  });
  Problems once;  // a profile can be reached twice, as a layer's own and as an extended one
  for (auto& problem : problems) {
    if (std::find(once.begin(), once.end(), problem) == once.end()) once.push_back(std::move(problem));
  }
  problems = std::move(once);
}

std::string to_string(const Problem& problem) {
  std::string out = show(problem.file);
  if (problem.at.line > 0) out += ":" + std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column);
  return out + ": " + problem.what;
}

}  // namespace assent::decide
