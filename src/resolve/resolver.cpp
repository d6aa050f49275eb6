#include "resolve/resolver.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "resolve/look.h"

namespace assent::resolve {
namespace {

constexpr int kTries = 8;
constexpr std::uint64_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;

bool acts_on_host(Zone zone) { return zone == Zone::Gated || zone == Zone::Read; }

LastLink last_link(const Open& open) {
  if ((open.flags & O_CREAT) != 0 && (open.flags & O_EXCL) != 0) return LastLink::Keep;
  if ((open.flags & O_NOFOLLOW) != 0) return LastLink::KeepUnlessSlash;
  return LastLink::Follow;
}

LastLink last_link(Follow follow) { return follow == Follow::Yes ? LastLink::Follow : LastLink::KeepUnlessSlash; }

// A file system's own limit may be lower; then the order of the two errors is not the kernel's, which harms nobody.
bool only_the_last_is_too_long(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  const std::size_t last = slash == std::string_view::npos ? 0 : slash + 1;
  if (path.size() - last <= NAME_MAX) return false;
  for (std::size_t begin = 0; begin < last;) {
    const std::size_t end = path.find('/', begin);
    if (end - begin > NAME_MAX) return false;
    begin = end + 1;
  }
  return true;
}

// "/a/b" → {"/a", "b"}
std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {path.substr(0, std::max<std::size_t>(slash, 1)), path.substr(slash + 1)};
}

}  // namespace

Where where(const std::vector<Target>& targets) {
  const bool gated = std::any_of(targets.begin(), targets.end(), [](const Target& t) { return acts_on_host(t.zone); });
  return gated ? Where::Broker : Where::Floor;
}

bool only_reads(const Open& open) {
  if ((open.flags & O_PATH) != 0) return true;
  return (open.flags & O_ACCMODE) == O_RDONLY && (open.flags & (O_CREAT | O_TRUNC | kTmpfile)) == 0;
}

Result<std::vector<Target>> Resolver::resolve(const Action& action, Caller& caller) {
  std::vector<Target> targets;
  const auto one = [&](const PathArg& path, const Wanted& wanted) -> int {
    auto found = target(caller, path, wanted);
    if (!found) return found.error().code;
    targets.push_back(std::move(*found));
    return 0;
  };
  if (std::holds_alternative<Rename>(action) || std::holds_alternative<Link>(action)) targets.reserve(2);
  struct Visitor {
    const decltype(one)& first;
    const std::vector<Target>& found;
    int operator()(const Remove& a) const { return first(a.path, {}); }
    // As in the kernel: what is wrong with the old name's folder, with the new name as such, with its folder, with the
    // old name, with the new one.
    int operator()(const Rename& a) const {
      if (const int error = first(a.from, {}); error != 0) return error;
      if (a.to_error != 0) return a.to_error;
      const int error = first(a.to, {});
      if (error != ENAMETOOLONG || !only_the_last_is_too_long(a.to.path)) return error;
      const Target& from = found.front();
      if (from.spelling == Spelling::Dot || from.spelling == Spelling::DotDot) return EBUSY;
      return from.exists() ? error : ENOENT;
    }
    int operator()(const Truncate& a) const { return first(a.path, {LastLink::Follow, Pin::Host}); }
    int operator()(const Open& a) const {
      const bool makes = (a.flags & O_CREAT) != 0;
      return first(a.path, {last_link(a), only_reads(a) ? Pin::Agent : Pin::Host, a.resolve, false, makes});
    }
    // What is wrong with the object to be linked comes before what is wrong with its new name.
    int operator()(const Link& a) const {
      if (const int error = first(a.from, {last_link(a.follow), Pin::Host}); error != 0) return error;
      const Target& from = found.back();
      if (!from.exists()) return ENOENT;
      if (from.spelling != Spelling::Plain && !S_ISDIR(from.stat->stx_mode)) return ENOTDIR;
      return a.to_error != 0 ? a.to_error : first(a.to, {});
    }
    int operator()(const MakeDirectory& a) const { return first(a.path, {}); }
    int operator()(const MakeSymlink& a) const { return first(a.path, {}); }
    int operator()(const MakeNode& a) const { return first(a.path, {}); }
    int operator()(const SetMetadata& a) const { return first(a.path, {last_link(a.follow), Pin::Host}); }
    int operator()(const CheckAccess& a) const {
      const bool follow = (a.flags & AT_SYMLINK_NOFOLLOW) == 0;
      return first(a.path, {follow ? LastLink::Follow : LastLink::KeepUnlessSlash, Pin::Host});
    }
    int operator()(const Exec& a) const {
      const bool follow = (a.flags & AT_SYMLINK_NOFOLLOW) == 0;
      return first(a.path, {follow ? LastLink::Follow : LastLink::KeepUnlessSlash, Pin::Agent, 0, true});
    }
    int operator()(const Connect&) const { return 0; }
    int operator()(const Bind&) const { return 0; }
    int operator()(const Listen&) const { return 0; }
    int operator()(const Send&) const { return 0; }
    int operator()(const ChangeDirectory&) const { return 0; }
    int operator()(const ChangeUmask&) const { return 0; }
  };
  if (const int error = std::visit(Visitor{one, targets}, action); error != 0) return fail(error);
  return targets;
}

// The agent may rename while we look; what was found on both sides must be the same object in the end.
Result<Target> Resolver::target(Caller& caller, const PathArg& path, const Wanted& wanted) {
  if (path.path.empty() && wanted.pin == Pin::None) return fail(ENOENT);  // acts on names need one
  Glance glance = wanted.pin != Pin::Agent ? Glance::Later : wanted.only_shown ? Glance::Shown : Glance::Now;
  for (int i = 0; i < kTries; ++i) {
    auto place = walk_.to(caller, path, wanted.last, wanted.resolve, glance);
    if (!place) return pass(std::move(place));
    if (path.descriptor == Descriptor::Opened && place->object) {
      const int flags = ::fcntl(place->object.get(), F_GETFL);
      if (flags < 0 || (flags & O_PATH) != 0) return fail(EBADF);
    }
    auto found = target_of_place(std::move(*place), wanted);
    if (found || found.error().code != EAGAIN) return found;
    glance = Glance::Now;
  }
  return fail(EPERM, "cannot pin a file: it is being exchanged");
}

Result<Target> Resolver::target_of_place(Place place, const Wanted& wanted) {
  if (place.object) return of_descriptor(std::move(place.object), wanted);
  auto parent = directories_.find(place.directory, place.directory_stat);
  if (!parent) return pass(std::move(parent));
  last_parent_ = *parent;
  if (place.name.empty()) return folder(std::move(*parent), place.spelling, wanted);
  return named(std::move(place), std::move(*parent), wanted);
}

Result<Target> Resolver::named(Place place, DirectoryRef parent, const Wanted& wanted) {
  Target target;
  target.spelling = place.spelling;
  target.path = join(parent->path, place.name);
  target.zone = parent->zone;
  target.mount = parent->mount;
  target.name = std::move(place.name);
  target.parent = std::move(parent);
  if (place.stat) {
    target.mount = place.stat->stx_mnt_id;
    target.zone = view_.mount(target.mount).zone;
  }
  if (wanted.pin == Pin::Agent) {
    target.stat = place.stat;
    if (place.stat) target.id = sys::id_of(*place.stat);
    if (place.stat && !wanted.only_shown) {
      struct statx pinned {};
      int error = pin(place.directory, target.name.c_str(), O_NOFOLLOW, target.agent_object);
      if (error == 0) error = look(target.agent_object.get(), "", pinned);
      if (error != 0 || !same_object(pinned, *place.stat)) return fail(EAGAIN);
    }
    judge_names(target);
    return target;
  }
  struct statx stat {};
  int error = 0;
  // To be told that a name is free, a look is cheaper than an attempt to open it.
  const bool pinned = wanted.pin == Pin::Host;
  if (!pinned || wanted.may_be_new) error = look(target.parent->host.get(), target.name.c_str(), stat);
  if (pinned && error == 0) {
    error = pin(target.parent->host.get(), target.name.c_str(), O_NOFOLLOW, target.object);
    if (error == 0) error = look(target.object.get(), "", stat);
  }
  if (error != 0 && error != ENOENT) return fail(error);
  if (error == 0) {
    target.stat = stat;
    target.id = sys::id_of(stat);
  }
  if (place.unseen && !shows_itself(target, wanted)) {
    place.name = target.name;
    if (auto seen = Walk::see(place); !seen) return pass(std::move(seen));
    if (place.stat) {
      // A link that may have to be followed: once more from the beginning.
      if (is_symlink(*place.stat) && wanted.last != LastLink::Keep) return fail(EAGAIN);
      target.mount = place.stat->stx_mnt_id;
      target.zone = view_.mount(target.mount).zone;
    }
  }
  if (!place.unseen) {
    if (const int differs = compare(target, place.stat); differs != 0) return fail(differs);
  }
  judge_names(target);
  return target;
}

// Whether the host's side alone tells what the agent sees under the name, the folder being one and the same on both
// sides. Only a mount on the name could make a difference. Mounts are made before the agent begins and sit on objects
// that exist, so there is none on a name that is free (removing the object removes the mount) and none on an object
// that was made since.
bool Resolver::shows_itself(const Target& target, const Wanted& wanted) const {
  if (!target.exists()) return true;
  return own_.contains(target.id) && (wanted.last == LastLink::Keep || !is_symlink(*target.stat));
}

int Resolver::compare(Target& target, const std::optional<struct statx>& seen) const {
  if (!seen && !target.stat) return 0;
  if (seen && target.stat && same_object(*seen, *target.stat)) return 0;
  const bool covered = seen && seen->stx_mnt_id != target.parent->mount;
  const bool built = view_.mount(target.parent->mount).backing == Backing::Built;
  // Made-up folders stand for the host's of the same name. Anything else that launch put there hides what is below.
  const bool stand_in = seen && target.stat && is_directory(*seen) && is_directory(*target.stat) &&
                        view_.mount(seen->stx_mnt_id).backing == Backing::Built;
  if (stand_in) return 0;
  if (!covered && !built) return EAGAIN;  // a rename between the two looks
  target.hidden = true;
  return 0;
}

// What the session made itself hides nothing from it.
void Resolver::judge_names(Target& target) const {
  target.own = own_.contains(target.id);
  target.own_folder = target.parent && own_.contains(target.parent->id);
  if (!target.own && !target.hidden) target.hidden = view_.is_hidden(target.path);
}

Result<Target> Resolver::folder(DirectoryRef directory, Spelling spelling, const Wanted& wanted) {
  Target target;
  target.spelling = spelling;
  target.path = directory->path;
  target.zone = directory->zone;
  target.mount = directory->mount;
  struct statx stat {};
  if (const int error = look(directory->host.get(), "", stat); error != 0) return fail(error);
  target.stat = stat;
  target.id = sys::id_of(stat);
  if (wanted.pin == Pin::Host) {
    target.object = UniqueFd(::fcntl(directory->host.get(), F_DUPFD_CLOEXEC, 0));
    if (!target.object) return sys::last_error("fcntl");
  }
  target.parent = std::move(directory);
  judge_names(target);
  return target;
}

// A descriptor that can write, on no mount of the agent's: the broker gave it, so it is on the host's own mount and is
// the object to act on.
bool Resolver::writes_to_host(const Target& target) const {
  if (!S_ISREG(target.stat->stx_mode) || view_.knows(target.mount)) return false;
  const int flags = ::fcntl(target.agent_object.get(), F_GETFL);
  return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

// The object is certain; looked for is its name, for the rules and to act on it on the host's side.
Result<Target> Resolver::of_descriptor(UniqueFd object, const Wanted& wanted) {
  struct statx stat {};
  if (const int error = look(object.get(), "", stat); error != 0) return fail(error);
  if (is_directory(stat)) {
    auto directory = directories_.find(object.get(), stat);
    if (!directory) return pass(std::move(directory));
    auto target = folder(std::move(*directory), Spelling::Dot, wanted);
    if (target) target->agent_object = std::move(object);
    return target;
  }
  Target target;
  target.stat = stat;
  target.id = sys::id_of(stat);
  target.mount = stat.stx_mnt_id;
  auto path = sys::path_of(object.get());
  if (!path) return pass(std::move(path));
  target.path = std::move(*path);
  target.agent_object = std::move(object);

  const auto [directory, name] =
      target.path.front() == '/' ? split(target.path) : std::pair<std::string, std::string>();
  const bool writable = wanted.pin == Pin::Host && writes_to_host(target);
  // The name only serves the rules. (tar and cp set mode and times of each file that they have made this way.)
  if (writable && own_.contains(target.id) && last_parent_ && last_parent_->path == directory) {
    target.mount = 0;
    target.zone = last_parent_->zone;
    judge_names(target);
    target.own_folder = own_.contains(last_parent_->id);
    return target;
  }
  // Deleted: nothing but descriptors leads to it any more, and with this one its content can be changed as it is.
  const bool anonymous = target.path.front() != '/' || target.path.starts_with("/memfd:");
  // (Some file systems count no links at all, so the kernel's own mark is asked for too.)
  constexpr std::string_view kGone = " (deleted)";
  if (writable && !anonymous && stat.stx_nlink == 0 && target.path.ends_with(kGone) && !own_.contains(target.id)) {
    target.mount = 0;
    target.zone = Zone::Gated;
    target.own = true;
    return target;
  }
  UniqueFd above;
  struct statx above_stat {};
  int error = directory.empty() ? ENOENT : 0;
  if (error == 0) {
    error = pin(view_.agent_root(), directory.size() == 1 ? "." : directory.c_str() + 1, O_DIRECTORY, above);
  }
  if (error == 0) error = look(above.get(), "", above_stat);
  if (error == 0) {
    if (auto parent = directories_.find(above.get(), above_stat); parent) {
      target.zone = (*parent)->zone;
      UniqueFd found;
      struct statx found_stat {};
      error = pin((*parent)->host.get(), name.c_str(), O_NOFOLLOW, found);
      if (error == 0) error = look(found.get(), "", found_stat);
      if (error == 0 && same_object(found_stat, stat)) {
        // A descriptor that the broker gave is on the host's mount; what it shows is seen through the parent's.
        if (!view_.knows(target.mount)) target.mount = (*parent)->mount;
        target.parent = std::move(*parent);
        target.name = name;
        if (wanted.pin == Pin::Host) target.object = std::move(found);
      }
    }
  }
  if (view_.knows(target.mount)) {
    target.zone = view_.mount(target.mount).zone;
  } else {
    target.mount = 0;
  }
  // Pipes, sockets, terminals and memory files that the agent holds already: nothing of the machine's is behind them
  // that it could not reach before.
  if (!target.parent && (anonymous || !S_ISREG(stat.stx_mode))) target.zone = Zone::Kernel;
  judge_names(target);
  // A hidden file that the host's user has replaced while the agent held it by O_PATH has a name that no pattern is
  // written for, and is a secret all the same.
  if (!target.own && !target.parent && target.path.ends_with(kGone)) {
    target.hidden =
        target.hidden || view_.is_hidden(std::string_view(target.path).substr(0, target.path.size() - kGone.size()));
  }
  return target;
}

}  // namespace assent::resolve
