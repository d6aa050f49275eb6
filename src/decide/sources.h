// Where profiles come from: names to text, and the chain that `extends` makes.
#pragma once

#include <tl/expected.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decide/problem.h"
#include "decide/profile.h"

namespace assent::decide {

struct Shipped {
  std::string_view name;
  std::string_view text;
  std::string_view rules;  // what parse_profile makes of rules_of(text), frozen
};
// The profiles/ folder as it was when this program was built.
std::span<const Shipped> shipped_profiles();

struct Source {
  std::string file;  // as shown to people
  std::string text;
  std::size_t place = 0;    // index of the search folder it was found in
  bool by_name = false;     // found in a search folder, or shipped; not named by its path
  std::string_view frozen;  // of a shipped one that is read for its rules: `text` is empty then
};

class Sources {
 public:
  // `folders` are searched for NAME.toml in this order; the shipped copies come last.
  // Reading::Rules: shipped profiles come without what only people and tests read.
  enum class Reading { All, Rules };
  explicit Sources(std::vector<std::string> folders, Reading reading = Reading::All)
      : folders_(std::move(folders)), reading_(reading) {}

  // `spec`: a name, or a file (has a slash or ends in .toml). `first_place`: folders before it are not looked at.
  [[nodiscard]] std::optional<Source> find(std::string_view spec, std::size_t first_place, std::string& why) const;

  struct Link {
    Profile profile;
    bool by_name = false;
  };
  // The profile and what it extends, front to back: each one's rules come before those of what it extends. A profile
  // that extends its own name means the next one of that name on the search path. Every profile stands once.
  [[nodiscard]] std::vector<Link> chain(std::string_view spec, Problems& problems) const;
  // The same for a file that may be missing; then nothing.
  [[nodiscard]] std::vector<Link> chain_of_file(const std::string& path, Problems& problems) const;

  struct Listed {
    std::string name;
    std::string file;
    std::string description;
  };
  [[nodiscard]] std::vector<Listed> list() const;

 private:
  struct Walk;
  void follow(Source source, std::string name, std::vector<Link>& out, Walk& walk, Problems& problems) const;

  std::vector<std::string> folders_;
  Reading reading_;
};

// A regular file's bytes, at most 1 MiB + 1; never waits on a FIFO. Error: errno.
tl::expected<std::string, int> read_profile_file(const std::string& path);

}  // namespace assent::decide
