#include "decide/sources.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "assent/unique_fd.h"
#include "base/show.h"
#include "base/sys.h"
#include "decide/frozen.h"

namespace assent::decide {

namespace {

constexpr std::size_t kMaxFile = (1 << 20) + 1;
constexpr std::size_t kMaxChain = 64;

bool is_file_spec(std::string_view spec) { return spec.find('/') != std::string_view::npos || spec.ends_with(".toml"); }

std::string folder_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

std::string why_text(int error) { return std::string(std::strerror(error)) + " (" + strerrorname_np(error) + ")"; }

std::string name_of_file(std::string_view file) {
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos) file.remove_prefix(slash + 1);
  if (file.ends_with(".toml")) file.remove_suffix(5);
  return std::string(file);
}

}  // namespace

struct Sources::Walk {
  std::vector<std::string> open;  // files being followed, outermost first: one that comes again is a cycle
  std::vector<std::string> done;
};

tl::expected<std::string, int> read_profile_file(const std::string& path) {
  const auto opened = sys::open_regular(AT_FDCWD, path.c_str());
  if (!opened) return tl::unexpected<int>(opened.error().code);
  const UniqueFd& fd = *opened;
  struct stat stat {};
  if (::fstat(fd.get(), &stat) != 0) return tl::unexpected<int>(errno);
  std::string out(std::min(kMaxFile, static_cast<std::size_t>(stat.st_size) + 1), '\0');
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t n = ::read(fd.get(), out.data() + got, out.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected<int>(errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.resize(got);
  return out;
}

std::optional<Source> Sources::find(std::string_view spec, std::size_t first_place, std::string& why) const {
  if (spec.empty() || spec.find('\0') != std::string_view::npos) {
    why = "is not a name";
    return std::nullopt;
  }
  if (is_file_spec(spec)) {
    std::string path(spec);
    auto text = read_profile_file(path);
    if (text) return Source{std::move(path), std::move(*text), 0, false, {}};
    why = why_text(text.error());
    return std::nullopt;
  }
  for (std::size_t place = first_place; place < folders_.size(); ++place) {
    std::string path = folders_[place] + "/" + std::string(spec) + ".toml";
    auto text = read_profile_file(path);
    if (text) return Source{std::move(path), std::move(*text), place, true, {}};
    if (text.error() != ENOENT && text.error() != ENOTDIR) {
      why = path + ": " + why_text(text.error());
      return std::nullopt;
    }
  }
  if (first_place <= folders_.size()) {
    for (const auto& shipped : shipped_profiles()) {
      if (shipped.name != spec) continue;
      Source out{std::string(spec) + ".toml", "", folders_.size(), true, {}};
      if (reading_ == Reading::Rules) {
        out.frozen = shipped.rules;
      } else {
        out.text = shipped.text;
      }
      return out;
    }
  }
  why = "there is no profile of that name; 'assent profile ls' lists them";
  return std::nullopt;
}

void Sources::follow(Source source, std::string name, std::vector<Link>& out, Walk& walk, Problems& problems) const {
  auto thawed = thaw(source.frozen);
  Profile profile = thawed ? std::move(*thawed) : parse_profile(source.text, source.file, problems);
  const std::string file = source.file;
  const Texts extends = profile.extends;
  out.push_back({std::move(profile), source.by_name});
  walk.open.push_back(file);
  walk.done.push_back(file);
  for (const auto& next : extends) {
    std::string spec = next.value;
    const bool own_name = source.by_name && spec == name;
    if (is_file_spec(spec) && !spec.starts_with('/')) spec = folder_of(file) + "/" + spec;
    std::string why;
    auto found = find(spec, own_name ? source.place + 1 : 0, why);
    if (!found) {
      problems.push_back({file, next.at, "cannot extend \"" + show(next.value) + "\": " + show(why)});
      continue;
    }
    if (std::find(walk.open.begin(), walk.open.end(), found->file) != walk.open.end()) {
      problems.push_back({file, next.at, "extends \"" + show(next.value) + "\", which extends this profile again"});
      continue;
    }
    if (std::find(walk.done.begin(), walk.done.end(), found->file) != walk.done.end()) continue;
    if (walk.done.size() >= kMaxChain) {
      problems.push_back({file, next.at, "extends more than 64 profiles"});
      continue;
    }
    follow(std::move(*found), name_of_file(spec), out, walk, problems);
  }
  walk.open.pop_back();
}

std::vector<Sources::Link> Sources::chain(std::string_view spec, Problems& problems) const {
  std::vector<Link> out;
  std::string why;
  auto found = find(spec, 0, why);
  if (!found) {
    problems.push_back({std::string(spec), {}, "cannot read the profile: " + show(why)});
    return out;
  }
  Walk walk;
  follow(std::move(*found), name_of_file(spec), out, walk, problems);
  return out;
}

std::vector<Sources::Link> Sources::chain_of_file(const std::string& path, Problems& problems) const {
  std::vector<Link> out;
  auto text = read_profile_file(path);
  if (!text) {
    if (text.error() != ENOENT && text.error() != ENOTDIR) {
      problems.push_back({path, {}, "cannot read the profile: " + why_text(text.error())});
    }
    return out;
  }
  Walk walk;
  follow({path, std::move(*text), 0, false, {}}, name_of_file(path), out, walk, problems);
  return out;
}

std::vector<Sources::Listed> Sources::list() const {
  std::map<std::string, std::string> files;  // name → file; the first place wins
  for (const auto& folder : folders_) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
    if (!stream) continue;
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view file = entry->d_name;
      if (file.size() > 5 && file.ends_with(".toml"))
        files.emplace(name_of_file(file), folder + "/" + std::string(file));
    }
  }
  for (const auto& shipped : shipped_profiles())
    files.emplace(std::string(shipped.name), std::string(shipped.name) + ".toml");
  std::vector<Listed> out;
  for (const auto& [name, file] : files) {
    std::string why;
    Problems ignored;  // a broken profile is listed too; lint says what is wrong
    const auto source = find(name, 0, why);
    out.push_back(
        {name, file, source ? parse_profile(source->text, file, ignored).description : "cannot be read: " + why});
  }
  return out;
}

}  // namespace assent::decide
