#include "session/radius_root.h"

#include <vector>

#include "approve/scopes.h"

namespace assent::session {

namespace {

// "a/./b/../c//" below "/w" → "/w/a/c". By spelling only: a symbolic link in it makes it name another tree, which then
// does not hold the object and is passed over.
std::string absolute(std::string_view word, std::string_view cwd) {
  std::vector<std::string_view> parts;
  const auto add = [&parts](std::string_view text) {
    while (!text.empty()) {
      const auto slash = text.find('/');
      const auto part = text.substr(0, slash);
      text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        if (!parts.empty()) parts.pop_back();
      } else {
        parts.push_back(part);
      }
    }
  };
  if (word.empty() || word.front() != '/') add(cwd);
  add(word);
  std::string out;
  for (const auto part : parts) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

}  // namespace

std::string radius_root(const Process& process, std::string_view path) {
  std::string best;
  for (std::size_t i = 1; i < process.argv.size(); ++i) {
    const std::string& word = process.argv[i];
    if (word.empty() || word[0] == '-') continue;
    std::string candidate = absolute(word, process.cwd);
    // The widest operand that holds it: deleting works its way through all of that.
    if (approve::lies_below(path, candidate) && (best.empty() || candidate.size() < best.size()))
      best = std::move(candidate);
  }
  return best.empty() ? std::string(path) : best;
}

}  // namespace assent::session
