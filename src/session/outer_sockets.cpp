#include "session/outer_sockets.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/sys.h"
#include "session/paths.h"

namespace assent::session {

namespace {

constexpr std::size_t kMostSockets = 64;

bool any_rule_allows_one(const decide::Policy& policy) {
  return std::ranges::any_of(policy.rules(), [](const auto& rule) {
    return rule.verdict == Verdict::Allow && rule.text.find("unix:") != std::string::npos;
  });
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

bool is_covered(const std::string& path, const decide::Settings& settings) {
  const auto inside = [&path](const auto& folder) { return lies_in(path, folder.path); };
  if (std::ranges::any_of(settings.gated, inside) || std::ranges::any_of(settings.free, inside)) return false;
  return lies_in(path, "/run") || std::ranges::any_of(settings.private_, inside);
}

bool is_allowed(const decide::Policy& policy, const std::string& path) {
  NetSubject subject;
  subject.protocol = NetSubject::Protocol::Unix;
  subject.address = path;
  Request request;
  request.subject = std::move(subject);
  return policy.judge(request).decision->verdict == Verdict::Allow;
}

}  // namespace

// "0000000000000000: 00000002 00000000 00010000 0001 01 21432 /run/dbus/system_bus_socket"
std::vector<std::string> bound_paths(std::string_view table) {
  std::set<std::string> out;
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    if (const auto at = line.find(" /"); at != std::string_view::npos) out.emplace(line.substr(at + 1));
  }
  return {out.begin(), out.end()};
}

std::vector<std::string> outer_sockets(const decide::Policy& policy) {
  std::vector<std::string> out;
  if (!any_rule_allows_one(policy)) return out;
  const auto table = sys::read_file(AT_FDCWD, "/proc/net/unix", 16 << 20);
  if (!table) return out;
  for (const auto& bound : bound_paths(*table)) {
    // The rule is asked about the very path that a connect will be judged by.
    const auto path = canonical(bound);
    struct stat stat {};
    if (!path || ::lstat(path->c_str(), &stat) != 0 || !S_ISSOCK(stat.st_mode)) continue;
    if (!is_covered(*path, policy.settings()) || policy.hidden(*path) || !is_allowed(policy, *path)) continue;
    if (std::ranges::find(out, *path) == out.end()) out.push_back(*path);
    if (out.size() == kMostSockets) break;
  }
  return out;
}

}  // namespace assent::session
