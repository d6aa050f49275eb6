// Walk: a path of the agent's → the place it names in the agent's view, pinned.
// In: the caller, the path as it was copied. Out: the directory (a descriptor), the last name and what stood there; or
// the object itself where the path ends in a descriptor. Symbolic links mean what they mean to the agent: absolute
// ones begin at its root, /proc/self is its own, /proc/PID/fd/N is fetched from the right process.
// Never: a link followed by the kernel on our behalf (but see Glance::Shown), a lookup in our own root, a process
// outside the sandbox.
//
// Permissions are those of our own user, group and supplementary groups. The first two are the agent's; launch keeps
// the third the same.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "assent/action.h"
#include "assent/result.h"
#include "assent/target.h"
#include "resolve/caller.h"
#include "resolve/spelling.h"
#include "resolve/view.h"

namespace assent::resolve {

// What happens to a symbolic link in the last place.
enum class LastLink {
  Keep,             // unlink, rename, mkdir …: never followed
  KeepUnlessSlash,  // lchown, O_NOFOLLOW …: "link/" is followed all the same
  Follow,
};

// Later: the last name is not looked at in the agent's view where the directory is the host's own and no symbolic link
// stood on the way to it; whoever needs to know asks Walk::see.
// Shown: the place is only told to people (execve, which the kernel then carries out by itself), so the kernel may
// follow the links on the way to the directory, inside the agent's root.
enum class Glance { Now, Later, Shown };

struct Place {
  // The directory; borrowed (the caller's cwd, the agent's root) where `owned` is empty, then valid until the next
  // call.
  int directory = -1;
  UniqueFd owned;
  struct statx directory_stat {};
  std::string name;  // empty: the directory itself, or `object`
  Spelling spelling = Spelling::Plain;
  std::optional<struct statx> stat;  // of `name` in the agent's view; none: no such name, or `unseen`
  bool unseen = false;               // `name` was not looked at yet
  UniqueFd object;                   // the path ended in a descriptor: this one; nothing else is set
};

class Walk {
 public:
  Walk(const View& view, int proc) : view_(view), proc_(proc) {}

  // An empty path is the descriptor itself. `resolve`: RESOLVE_* of openat2.
  Result<Place> to(Caller& caller, const PathArg& path, LastLink last, std::uint64_t resolve = 0,
                   Glance glance = Glance::Now) const;
  // Looks at a place that is `unseen`.
  static Status see(Place& place);

 private:
  struct Base {
    int fd = -1;
    UniqueFd owned;
    std::optional<struct statx> stat;
  };
  Result<Base> base_of(Caller& caller, int dirfd, const Spelled& spelled) const;
  Result<Place> quickly(Base& base, const Spelled& spelled, Glance glance) const;
  [[nodiscard]] bool shows_host(const struct statx& directory) const;
  [[nodiscard]] int find_again(const Base& base, const Spelled& spelled, const char* directory, Place& place) const;
  void keep(const Spelled& spelled, Place& place) const;

  const View& view_;
  int proc_;
  // Folders of the last calls that were one step from their base. Several, because threads and processes take turns.
  struct Kept {
    std::string name;
    UniqueFd directory;
    struct statx stat {};
  };
  mutable std::array<Kept, 16> kept_;
  mutable std::size_t next_kept_ = 0;
};

}  // namespace assent::resolve
