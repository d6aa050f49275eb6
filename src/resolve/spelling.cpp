#include "resolve/spelling.h"

#include <linux/limits.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace assent::resolve {

Result<Spelled> spell(std::string_view path) {
  if (path.empty()) return fail(ENOENT);
  if (path.size() >= PATH_MAX) return fail(ENAMETOOLONG);  // PATH_MAX counts the NUL
  Spelled out;
  out.absolute = path.front() == '/';
  const std::size_t begin = std::min(path.find_first_not_of('/'), path.size());
  path.remove_prefix(begin);
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string_view::npos) {  // "/", "//"
    out.spelling = Spelling::Dot;
    return out;
  }
  const std::string_view whole = path.substr(0, end + 1);
  const std::size_t slash = whole.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? whole : whole.substr(slash + 1);
  if (last == "." || last == "..") {
    out.directory = whole;
    out.spelling = last == "." ? Spelling::Dot : Spelling::DotDot;
    return out;
  }
  if (slash != std::string_view::npos) out.directory = whole.substr(0, slash);
  out.last = last;
  out.spelling = whole.size() < path.size() ? Spelling::TrailingSlash : Spelling::Plain;
  return out;
}

Step first_step(std::string_view rest) {
  Step out;
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  const std::size_t end = std::min(rest.find('/'), rest.size());
  out.name = rest.substr(0, end);
  out.after = rest.substr(end);
  out.slash = !out.after.empty();
  out.last = out.after.find_first_not_of('/') == std::string_view::npos;
  return out;
}

std::string join(std::string_view directory, std::string_view name) {
  std::string out;
  out.reserve(directory.size() + 1 + name.size());
  out += directory;
  if (out.empty() || out.back() != '/') out += '/';
  out += name;
  return out;
}

int decimal(std::string_view text) {
  int value = -1;
  if (text.empty() || text.front() < '0' || text.front() > '9' || (text.size() > 1 && text.front() == '0')) return -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && stop == text.data() + text.size() ? value : -1;
}

ProcDirectory proc_directory(std::string_view path) {
  using Kind = ProcDirectory::Kind;
  if (!path.starts_with("/proc") || (path.size() > 5 && path[5] != '/')) return {};
  Step step = first_step(path.substr(5));
  if (step.name.empty()) return {Kind::Root, 0, 0};
  ProcDirectory out;
  out.process = decimal(step.name);
  if (out.process <= 0) return {};
  out.kind = Kind::Process;
  step = first_step(step.after);
  if (step.name == "task") {
    step = first_step(step.after);
    if (step.name.empty()) return {Kind::Other, out.process, 0};
    out.thread = decimal(step.name);
    if (out.thread <= 0) return {};
    step = first_step(step.after);
  }
  if (step.name.empty()) return out;
  out.kind = step.name == "fd" && step.last ? Kind::Descriptors : Kind::Other;
  return out;
}

}  // namespace assent::resolve
