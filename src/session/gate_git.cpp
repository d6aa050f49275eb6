// Gate: what git would run outside because of this session (session/git_traces.h), in words.
#include <fmt/format.h>

#include <cstdlib>

#include "base/show.h"
#include "session/gate.h"

namespace assent::session {

std::vector<std::string> Gate::git_news() {
  constexpr std::size_t kMostLines = 40;
  constexpr std::size_t kColumns = 160;
  const char* home = ::getenv("HOME");
  auto found = git_traces_.look([this](const FileId& id) { return rooms_.own.contains(id) || touched_.contains(id); },
                                home != nullptr ? home : "");
  std::vector<std::string> out;
  std::size_t more = 0;
  for (const auto& program : found.programs) {
    const std::string what =
        show(program.what, kColumns) + (program.value.empty() ? std::string() : " = " + show(program.value, kColumns));
    std::string line = fmt::format("caution: git will run what this session named, outside the sandbox: {}, in {}",
                                   what, show(program.file));
    if (git_told_.contains(line)) continue;
    if (out.size() == kMostLines) {
      ++more;
      continue;
    }
    git_told_.insert(line);
    out.push_back(std::move(line));
  }
  if (more != 0) out.push_back(fmt::format("caution: and {} more that git will run; see .git/config and hooks", more));
  if (!found.complete) {
    std::string line = "caution: not all repositories of this session were looked at; look into .git/config and hooks";
    if (git_told_.insert(line).second) out.push_back(std::move(line));
  }
  return out;
}

}  // namespace assent::session
