// unlink, unlinkat, rmdir.
//
// What was there before the session:                        killed after this step → on disk, and what repair() does
//   1. rename NAME → STAGE (same directory, NOREPLACE)       the object is at STAGE, whole → put back to NAME
//   2. statx STAGE: is it the judged object?                 the same
//   3. unlink STAGE, or the keeper takes it                  done → nothing to do
//   (2 says no: rename STAGE → NAME, NOREPLACE; "raced")     as before the act → nothing to do
// With a keeper the object goes from NAME into its keeping in one rename, which the keeper verifies.
#include <fcntl.h>
#include <unistd.h>

#include "broker/act.h"
#include "broker/broker.h"

namespace assent::broker {
namespace {

bool last_name_goes(const struct statx& stat) { return is_directory(stat) || stat.stx_nlink <= 1; }

Outcome removed(const FileId& id, const struct statx& before) {
  Outcome outcome = done();
  if (last_name_goes(before)) outcome.removed.push_back(id);
  return outcome;
}

}  // namespace

Outcome Broker::remove(const Remove& act, Target& target, std::uint64_t sequence) {
  const int flag = act.kind == RemoveKind::Directory ? AT_REMOVEDIR : 0;
  if (!target.own) return remove_staged(target, flag, sequence);

  const int directory = target.parent->host.get();
  struct statx now;
  switch (compare(directory, target.name.c_str(), target.id, &now)) {
    case Identity::Same:
      break;
    case Identity::Other:
      return raced();
    case Identity::Gone:
      return failed(ENOENT);
    case Identity::Unknown:
      return failed(errno);
  }
  if (::unlinkat(directory, target.name.c_str(), flag) != 0) return failed(errno);
  return removed(target.id, now);
}

int Broker::take_away(const Directory& directory, const std::string& at, const Target& judged, int unlink_flag,
                      std::uint64_t sequence) {
  if (options_.keeper.keep_removed && !judged.own) {
    auto caught = options_.keeper.keep_removed(directory, at, judged, sequence);
    if (!caught) return caught.error().code;
    return *caught == Caught::Taken ? 0 : ESTALE;
  }
  return ::unlinkat(directory.host.get(), at.c_str(), unlink_flag) == 0 ? 0 : errno;
}

Outcome Broker::remove_staged(const Target& target, int unlink_flag, std::uint64_t sequence) {
  const Directory& directory = *target.parent;
  const int fd = directory.host.get();
  const char* name = target.name.c_str();

  // A folder with something in it must not lose its name even for a moment.
  if (unlink_flag == AT_REMOVEDIR && emptiness(fd, name) == Emptiness::NotEmpty) return failed(ENOTEMPTY);

  if (options_.keeper.keep_removed) {
    const int code = take_away(directory, target.name, target, unlink_flag, sequence);
    if (code == ESTALE) return raced();
    if (code != 0) return failed(code);
    step(Step::Taken);
    return removed(target.id, *target.stat);
  }

  const std::string stage = stage_name(sequence);
  int code = rename_noreplace(fd, name, fd, stage.c_str());
  if (code == EXDEV && unlink_flag == AT_REMOVEDIR) {
    // overlayfs cannot rename a folder of its lower layer. rmdir removes only what is empty, so no content is at risk.
    if (compare(fd, name, target.id) != Identity::Same) return raced();
    if (::unlinkat(fd, name, unlink_flag) != 0) return failed(errno);
    return removed(target.id, *target.stat);
  }
  if (code == EEXIST) return failed(EIO);
  if (code != 0) return failed(code);
  step(Step::Staged);

  struct statx now;
  const Identity identity = compare(fd, stage.c_str(), target.id, &now);
  if (identity == Identity::Same) {
    if (::unlinkat(fd, stage.c_str(), unlink_flag) == 0) {
      step(Step::Taken);
      return removed(target.id, now);
    }
    code = errno;
  }

  // Something else was caught, or it cannot be unlinked: back to its name, unless a new object has it by now.
  Outcome outcome = identity == Identity::Same ? failed(code) : raced();
  if (rename_noreplace(fd, stage.c_str(), fd, name) != 0) {
    outcome = failed(EIO);
    outcome.stranded.push_back(stage);
  }
  step(Step::PutBack);
  return outcome;
}

}  // namespace assent::broker
