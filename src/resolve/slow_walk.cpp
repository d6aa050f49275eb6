#include "resolve/slow_walk.h"

#include <linux/limits.h>
#include <linux/openat2.h>

#include <utility>

#include "base/sys.h"
#include "resolve/link_end.h"
#include "resolve/look.h"

namespace assent::resolve {
namespace {

constexpr int kMaxLinks = 40;  // MAXSYMLINKS

}  // namespace

bool SlowWalk::scoped() const { return limited(RESOLVE_BENEATH) || limited(RESOLVE_IN_ROOT); }

Result<Place> SlowWalk::run(int base, UniqueFd owned, std::string_view path) {
  here_.fd = base;
  here_.owned = std::move(owned);
  if (const int error = look(base, "", here_.stat); error != 0) return fail(error);
  if (!is_directory(here_.stat)) return fail(ENOTDIR);
  rest_ = path;
  Spelling ended = Spelling::Dot;
  for (;;) {
    const Step step = first_step(rest_);
    if (step.name.empty()) return finish(ended);
    if (step.name == "." || step.name == "..") {
      const bool dots = step.name == "..";
      if (dots) {
        if (auto done = up(); !done) return pass(std::move(done));
      }
      ended = dots ? Spelling::DotDot : Spelling::Dot;
      rest_.erase(0, rest_.size() - step.after.size());
      continue;
    }
    ended = Spelling::Dot;
    if (step.name.size() > NAME_MAX) return fail(ENAMETOOLONG);
    const std::string name(step.name);
    UniqueFd found;
    struct statx stat {};
    int error = pin(here_.fd, name.c_str(), O_NOFOLLOW, found);
    if (error == 0) error = look(found.get(), "", stat);
    if (error == ENOENT && step.last) {
      Place place = finish(step.slash ? Spelling::TrailingSlash : Spelling::Plain);
      place.name = name;
      return place;
    }
    if (error != 0) return fail(error);
    if (limited(RESOLVE_NO_XDEV) && stat.stx_mnt_id != here_.stat.stx_mnt_id) return fail(EXDEV);

    const bool wanted = !step.last || last_ == LastLink::Follow || (last_ == LastLink::KeepUnlessSlash && step.slash);
    if (is_symlink(stat) && wanted) {
      Place place;
      auto went = follow(found, stat, step, place);
      if (!went) return pass(std::move(went));
      if (*went == Went::Arrived) return place;
      continue;
    }
    if (step.last) {
      Place place = finish(step.slash ? Spelling::TrailingSlash : Spelling::Plain);
      place.name = name;
      place.stat = stat;
      return place;
    }
    if (!is_directory(stat)) return fail(ENOTDIR);
    rest_.erase(0, rest_.size() - step.after.size());
    if (auto done = enter(std::move(found), stat); !done) return pass(std::move(done));
  }
}

Status SlowWalk::enter(UniqueFd directory, const struct statx& stat) {
  Here next;
  next.fd = directory.get();
  next.owned = std::move(directory);
  next.stat = stat;
  if (scoped()) above_.push_back(std::move(here_));
  here_ = std::move(next);
  return {};
}

// Where an absolute symbolic link begins: the agent's root, or that of the scope.
Status SlowWalk::to_root() {
  if (limited(RESOLVE_BENEATH)) return fail(EXDEV);
  if (limited(RESOLVE_IN_ROOT)) {
    if (!above_.empty()) here_ = std::move(above_.front());
    above_.clear();
    return {};
  }
  if (limited(RESOLVE_NO_XDEV) && here_.stat.stx_mnt_id != view_.agent_root_stat().stx_mnt_id) return fail(EXDEV);
  here_ = Here{view_.agent_root(), UniqueFd(), view_.agent_root_stat()};
  return {};
}

Status SlowWalk::up() {
  // In a scope ".." goes back the way we came, so no rename on the way can lead it out.
  if (scoped()) {
    if (!above_.empty()) {
      if (limited(RESOLVE_NO_XDEV) && above_.back().stat.stx_mnt_id != here_.stat.stx_mnt_id) return fail(EXDEV);
      here_ = std::move(above_.back());
      above_.pop_back();
      return {};
    }
    return limited(RESOLVE_BENEATH) ? Status(fail(EXDEV)) : Status();
  }
  if (view_.is_agent_root(here_.stat)) return {};
  Here next;
  if (const int error = pin(here_.fd, "..", O_DIRECTORY, next.owned); error != 0) return fail(error);
  next.fd = next.owned.get();
  if (const int error = look(next.fd, "", next.stat); error != 0) return fail(error);
  if (limited(RESOLVE_NO_XDEV) && next.stat.stx_mnt_id != here_.stat.stx_mnt_id) return fail(EXDEV);
  here_ = std::move(next);
  return {};
}

// fs.protected_symlinks (may_follow_link() in fs/namei.c): in a sticky folder that all may write to, a link in the
// last place is followed only if it is the follower's own or the folder's owner's.
Status SlowWalk::may_follow(const struct statx& link, const Step& step) const {
  if (!view_.protects_symlinks() || !step.last || link.stx_uid == ::geteuid()) return {};
  constexpr unsigned kShared = S_ISVTX | S_IWOTH;
  if ((here_.stat.stx_mode & kShared) != kShared || here_.stat.stx_uid == link.stx_uid) return {};
  return fail(EACCES);
}

Result<SlowWalk::Went> SlowWalk::follow(const UniqueFd& link, const struct statx& stat, const Step& step,
                                        Place& place) {
  if (limited(RESOLVE_NO_SYMLINKS) || ++links_ > kMaxLinks) return fail(ELOOP);
  if (auto allowed = may_follow(stat, step); !allowed) return pass(std::move(allowed));
  auto end = read_link(proc_, caller_, here_.fd, step.name, link.get());
  if (!end) return pass(std::move(end));

  if (!end->object) {
    const bool absolute = end->text.front() == '/';
    rest_ = std::move(end->text) + std::string(step.after);
    if (absolute) {
      if (auto done = to_root(); !done) return pass(std::move(done));
    }
    return Went::On;
  }

  if (limited(RESOLVE_NO_MAGICLINKS)) return fail(ELOOP);
  if (scoped()) return fail(EXDEV);
  struct statx found {};
  if (const int error = look(end->object.get(), "", found); error != 0) return fail(error);
  if (limited(RESOLVE_NO_XDEV) && found.stx_mnt_id != here_.stat.stx_mnt_id) return fail(EXDEV);
  if (step.last && !step.slash) {
    place.object = std::move(end->object);
    return Went::Arrived;
  }
  if (!is_directory(found)) return fail(ENOTDIR);
  rest_.erase(0, rest_.size() - step.after.size());
  if (auto done = enter(std::move(end->object), found); !done) return pass(std::move(done));
  return Went::On;
}

Place SlowWalk::finish(Spelling spelling) {
  Place place;
  place.directory = here_.fd;
  place.owned = std::move(here_.owned);
  place.directory_stat = here_.stat;
  place.spelling = spelling;
  return place;
}

}  // namespace assent::resolve
