#include "decide/rule_text.h"

#include <algorithm>
#include <vector>

#include "assent/request.h"
#include "base/show.h"

namespace assent::decide {

namespace {

using Failure = tl::unexpected<std::string>;

constexpr std::size_t kMostGlob = 4096;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._-+=:@% ").find(c) != std::string_view::npos;
}

// For a basic string: what show() gives has no control byte, but backslashes and quotes.
std::string basic_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : show(text, 120)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string list_of(const std::vector<std::string>& globs) {
  std::string out;
  for (const auto& glob : globs) out += (out.empty() ? "['" : ", '") + glob + "'";
  return out + "]";
}

// A host and a port as a question names them: "example.org:443", "192.0.2.1:22", "[2001:db8::1]:443".
bool is_plain_host(std::string_view object) {
  const auto colon = object.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == object.size()) return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::ranges::all_of(object.substr(colon + 1), is_digit)) return false;
  auto host = object.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::ranges::all_of(host, [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' ||
           (brackets && c == ':');
  });
}

}  // namespace

std::string literal_glob(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    out += "\\x";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

tl::expected<std::string, std::string> allowing_rule(const Question& question, std::string_view reason,
                                                     std::string_view comment) {
  std::string what;
  if (operation_from_name(question.operation)) {
    if (!question.object.starts_with('/')) return Failure("its object is no path");
    std::vector<std::string> globs;
    const std::string root = question.radius ? question.radius->root : std::string();
    const bool tree = root.size() > 1 && (question.object == root || question.object.starts_with(root + "/"));
    if (tree) {
      globs = {literal_glob(root), literal_glob(root) + "/**"};
    } else {
      globs = {literal_glob(question.object)};
    }
    if (std::ranges::any_of(globs, [](const auto& glob) { return glob.size() > kMostGlob; }))
      return Failure("its path is too long for a pattern");
    what = "[[file]]\nops    = [\"" + question.operation + "\"]\npaths  = " + list_of(globs) + "\n";
  } else if (question.operation == "connect") {
    std::string_view object = question.object;
    const bool udp = object.starts_with("udp:");
    if (udp) object.remove_prefix(4);
    std::string host;
    if (object.starts_with("unix:/") && !udp) {
      host = "unix:" + literal_glob(object.substr(5));
    } else if (is_plain_host(object)) {
      host = object;
    } else {
      return Failure("its host has no plain name");
    }
    what = "[[net]]\nhosts  = " + list_of({host}) + "\n" + (udp ? "udp    = true\n" : "");
  } else {
    return Failure("no rule that it shows would cover just this: write one by hand, see assent-profile(5)");
  }
  // show() leaves nothing that ends a comment's line.
  return "# " + show(comment, 100) + "\n" + what + "action = \"allow\"\nreason = " + basic_string(reason) + "\n";
}

std::string with_rule(std::string_view profile, std::string_view rule, int line) {
  if (line <= 0) {
    std::string out(profile);
    if (!out.empty() && !out.ends_with('\n')) out += '\n';
    return out + "\n" + std::string(rule);
  }
  std::vector<std::size_t> starts{0};  // of each line
  for (std::size_t i = 0; i + 1 < profile.size(); ++i) {
    if (profile[i] == '\n') starts.push_back(i + 1);
  }
  std::size_t at = std::min(static_cast<std::size_t>(line) - 1, starts.size() - 1);
  while (at > 0 && profile.substr(starts[at - 1]).starts_with('#')) --at;
  std::string out(profile.substr(0, starts[at]));
  out += rule;
  out += '\n';
  out += profile.substr(starts[at]);
  return out;
}

std::string new_profile(std::string_view name) {
  return "# Your own additions to the profile \"" + std::string(name) + "\".\nversion = 1\nname    = \"" +
         std::string(name) + "\"\nextends = [\"" + std::string(name) + "\"]\n";
}

}  // namespace assent::decide
