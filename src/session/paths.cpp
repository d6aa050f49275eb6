#include "session/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>

#include "approve/daemon_link.h"
#include "base/show.h"
#include "base/sys.h"

namespace assent::session {

namespace {

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  // The XDG specification: a relative path is invalid and ignored.
  return value != nullptr && value[0] == '/' ? value : "";
}

std::string or_below_home(const char* name, const std::string& home, const char* below) {
  const std::string value = variable(name);
  return (value.empty() ? home + below : value) + "/assent";
}

// As far as the folders exist: so that a state folder reached through a symbolic link is hidden where it really is.
std::string canonical_prefix(const std::string& path) {
  if (auto whole = canonical(path)) return *whole;
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return path;
  return canonical_prefix(path.substr(0, slash)) + path.substr(slash);
}

}  // namespace

Result<std::string> canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  if (!real) {
    const int code = errno;
    return fail(code, fmt::format("cannot find {}: {}", show(path), ::strerrorname_np(code)));
  }
  return std::string(real.get());
}

Result<Paths> Paths::from_environment() {
  Paths out;
  const std::string home = variable("HOME");
  if (home.empty())
    return fail(ENOENT, "cannot find the home folder: HOME is not set to an absolute path (ENOENT); set HOME");
  auto real = canonical(home);
  if (!real) return pass(std::move(real));
  out.home = *real;
  out.state = canonical_prefix(or_below_home("XDG_STATE_HOME", out.home, "/.local/state"));
  out.config = canonical_prefix(or_below_home("XDG_CONFIG_HOME", out.home, "/.config"));
  out.runtime_base = variable("XDG_RUNTIME_DIR");
  out.daemons = approve::daemon_sockets();
  if (!out.runtime_base.empty()) out.runtime = canonical_prefix(out.runtime_base + "/assent");
  return out;
}

std::vector<std::string> Paths::own_folders() const {
  std::vector<std::string> out{state, config};
  if (!runtime.empty()) out.push_back(runtime);
  for (const auto& socket : daemons) {
    // Only a folder of assent's own; a socket named by hand may lie anywhere, and then it alone is.
    const std::string path = canonical_prefix(socket);
    const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    const std::string& own = folder.ends_with("/assent") ? folder : path;
    if (std::ranges::find(out, own) == out.end() && sys::statx(AT_FDCWD, own.c_str())) out.push_back(own);
  }
  return out;
}

std::string project_of(const std::string& working_directory) {
  for (std::string at = working_directory; at.size() > 1; at.resize(at.rfind('/'))) {
    if (sys::statx(AT_FDCWD, (at + "/.git").c_str())) return at;
    if (at.rfind('/') == 0) break;
  }
  return working_directory;
}

}  // namespace assent::session
