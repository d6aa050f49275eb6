// SlowWalk: a path walked one component at a time, for everything that meets a symbolic link or has RESOLVE_* limits.
// The kernel's own rules (path_resolution(7), openat2(2)), with the agent's meaning of every link.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resolve/walk.h"

namespace assent::resolve {

class SlowWalk {
 public:
  SlowWalk(const View& view, int proc, Caller& caller, LastLink last, std::uint64_t resolve)
      : view_(view), proc_(proc), caller_(caller), last_(last), resolve_(resolve) {}

  // `base`: where a relative path begins (and the scope of RESOLVE_BENEATH and RESOLVE_IN_ROOT). Once.
  Result<Place> run(int base, UniqueFd owned, std::string_view path);

 private:
  struct Here {
    int fd = -1;
    UniqueFd owned;
    struct statx stat {};
  };
  enum class Went { On, Arrived };

  [[nodiscard]] bool limited(std::uint64_t flag) const { return (resolve_ & flag) != 0; }
  [[nodiscard]] bool scoped() const;
  Status enter(UniqueFd directory, const struct statx& stat);
  Status to_root();
  Status up();
  // Follows `link`; Arrived: it was a descriptor and nothing comes after it (`place` is filled).
  Result<Went> follow(const UniqueFd& link, const struct statx& stat, const Step& step, Place& place);
  Status may_follow(const struct statx& link, const Step& step) const;
  Place finish(Spelling spelling);

  const View& view_;
  int proc_;
  Caller& caller_;
  LastLink last_;
  std::uint64_t resolve_;

  Here here_;
  std::vector<Here> above_;  // the way down from the scope's root; only where there is a scope
  std::string rest_;
  int links_ = 0;
};

}  // namespace assent::resolve
