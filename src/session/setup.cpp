#include "session/setup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "approve/scopes.h"
#include "base/show.h"
#include "base/sys.h"
#include "decide/sources.h"
#include "session/hiding.h"
#include "session/name_lookups.h"
#include "session/outer_sockets.h"

namespace assent::session {

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";

// The profile named after the agent where there is one ("claude"), else "default".
std::string profile_for(const std::vector<std::string>& command, const decide::LoadOptions& options) {
  const std::string agent = command.front().substr(command.front().rfind('/') + 1);
  std::string why;
  const bool plain = !agent.empty() && agent.find('.') == std::string::npos;
  return plain && decide::Sources(decide::profile_folders(options)).find(agent, 0, why) ? agent : "default";
}

}  // namespace

Result<Place> find_place(const RunOptions& options) {
  auto cwd = canonical(".");
  if (!cwd)
    return fail(cwd.error().code,
                "cannot find the working directory: " + cwd.error().what + "; change to one that exists");
  auto project = canonical(options.project.value_or(project_of(*cwd)));
  if (!project) return pass(std::move(project));
  auto stat = sys::statx(AT_FDCWD, project->c_str());
  if (!stat || !S_ISDIR(stat->stx_mode))
    return fail(ENOTDIR, fmt::format("cannot use {} as the project: it is no folder (ENOTDIR)", show(*project)));
  if (*project == "/")
    return fail(
        EINVAL,
        "cannot use / as the project: everything would be the agent's to work in (EINVAL); name a folder with -C");
  return Place{*project, approve::lies_below(*cwd, *project) ? *cwd : *project};
}

std::vector<std::string> chosen_profiles(const RunOptions& options, const std::string& project) {
  if (!options.profiles.empty()) return options.profiles;
  return {profile_for(options.command, decide::load_options(project))};
}

Result<decide::Policy> load_policy(const RunOptions& options, const Paths& paths, const std::string& project) {
  auto load = decide::load_options(project);
  load.profiles = chosen_profiles(options, project);
  load.protect = paths.own_folders();
  load.expectations = false;
  load.allow_hosts = options.allow_hosts;
  load.write = options.write;
  load.read = options.read;
  load.hide = options.hide;
  load.environment = options.environment;
  load.timeout = options.timeout;
  if (options.mode) load.mode = decide::mode_from_name(*options.mode);
  auto policy = decide::Policy::load(load);
  if (policy) return std::move(*policy);
  std::string all;
  for (const auto& problem : policy.error()) all += (all.empty() ? "" : "\nassent: ") + decide::to_string(problem);
  return fail(EINVAL, all);
}

Result<std::string> write_resolv_conf(const std::string& folder) {
  auto own = sys::read_file(AT_FDCWD, kResolvConf);
  if (!own) return std::string();
  const std::string path = folder + "/" + kResolvConfName;
  auto file = sys::openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (!file) return pass(std::move(file));
  if (auto status = sys::write_all(file->get(), inner_resolv_conf(*own)); !status) return pass(std::move(status));
  return path;
}

Floorplan plan_layout(const decide::Policy& policy, const Paths& paths, const std::string& project,
                      const std::string& denials_file, const std::string& resolv_conf) {
  Floorplan out;
  const auto& settings = policy.settings();
  const auto paths_of = [](const std::vector<decide::Folder>& folders) {
    std::vector<std::string> list;
    for (const auto& folder : folders) list.push_back(folder.path);
    return list;
  };
  launch::Layout& layout = out.layout;
  layout.project = project;
  layout.gated = paths_of(settings.gated);
  // The project has a mount of its own even where a profile gates nothing ("readonly"): its rules then deny.
  if (std::ranges::find(layout.gated, project) == layout.gated.end()) layout.gated.push_back(project);
  layout.free = paths_of(settings.free);
  layout.private_folders = paths_of(settings.private_);
  Hiding hiding = find_hidden(policy, paths.own_folders());
  layout.hidden = std::move(hiding.absent);
  layout.masked = std::move(hiding.masked);
  out.gate_reads = hiding.gate_reads;
  layout.extra.push_back({denials_file, kInnerDenials});
  if (!resolv_conf.empty()) layout.extra.push_back({resolv_conf, kResolvConf});
  for (const auto& path : outer_sockets(policy)) layout.extra.push_back({path, path});
  out.notes = std::move(hiding.notes);
  return out;
}

std::vector<std::string> agent_environment(const decide::Policy& policy, const std::string& session) {
  auto out = policy.environment(environ);
  out.push_back("ASSENT=1");
  out.push_back("ASSENT_SESSION=" + session);
  out.push_back(std::string("ASSENT_DENIALS=") + kInnerDenials);
  return out;
}

}  // namespace assent::session
