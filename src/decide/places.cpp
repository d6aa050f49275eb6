// Where things are for the user this process runs as.
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "decide/policy.h"

namespace assent::decide {

namespace {

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string out = value != nullptr && value[0] == '/' ? value : "";
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

std::string home_folder() {
  std::string out = absolute_variable("HOME");
  if (!out.empty()) return out;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "/nonexistent";
}

// Rules speak of canonical paths, so a home or a folder behind a symbolic link must not stand in them by that name.
std::string canonical(const std::string& path) {
  std::error_code error;
  const auto resolved = std::filesystem::weakly_canonical(path, error);
  std::string out = error ? path : resolved.string();
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

std::string or_else(std::string value, const std::string& otherwise) { return value.empty() ? otherwise : value; }

}  // namespace

LoadOptions load_options(std::string project) {
  LoadOptions out;
  out.places.project = std::move(project);
  out.places.home = canonical(home_folder());
  out.places.tmp = canonical(or_else(absolute_variable("TMPDIR"), "/tmp"));
  out.places.uid = std::to_string(::getuid());
  out.config = canonical(or_else(absolute_variable("XDG_CONFIG_HOME"), out.places.home + "/.config") + "/assent");
  out.protect.push_back(
      canonical(or_else(absolute_variable("XDG_STATE_HOME"), out.places.home + "/.local/state") + "/assent"));
  out.protect.push_back(
      canonical(or_else(absolute_variable("XDG_RUNTIME_DIR"), "/run/user/" + out.places.uid) + "/assent"));
  return out;
}

std::vector<std::string> profile_folders(const LoadOptions& options) {
  std::vector<std::string> out;
  if (!options.config.empty()) out.push_back(options.config + "/profiles");
  out.push_back(options.etc + "/profiles");
  for (const auto& share : options.shares) out.push_back(share + "/profiles");
  return out;
}

}  // namespace assent::decide
