#include "cli/policy_options.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "base/show.h"

namespace assent::cli {

Result<std::string> find_project(const std::optional<std::string>& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path start = fs::canonical(directory.value_or("."), error);
  if (!error && !fs::is_directory(start, error)) error = std::make_error_code(std::errc::not_a_directory);
  if (error) {
    return fail(error.value(), fmt::format("cannot use the project {}: {} ({})", show(directory.value_or(".")),
                                           error.message(), strerrorname_np(error.value())));
  }
  if (directory) return start.string();
  for (fs::path folder = start; folder != folder.root_path(); folder = folder.parent_path()) {
    struct stat stat {};
    if (::lstat((folder / ".git").c_str(), &stat) == 0) return folder.string();
  }
  return start.string();
}

tl::expected<decide::Policy, decide::Problems> load_policy(const std::string& project,
                                                           const std::vector<std::string>& profiles,
                                                           decide::Layers layers) {
  decide::LoadOptions options = decide::load_options(project);
  if (!profiles.empty()) options.profiles = profiles;
  options.layers = layers;
  return decide::Policy::load(options);
}

void print_problems(std::string_view doing, const decide::Problems& problems) {
  fmt::print(stderr, "assent: cannot {}: {} in the profiles (EINVAL); correct {}\n", doing,
             problems.size() == 1 ? "one problem" : fmt::format("{} problems", problems.size()),
             problems.size() == 1 ? "it" : "them");
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", to_string(problem));
}

}  // namespace assent::cli
