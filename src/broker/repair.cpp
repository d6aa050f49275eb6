#include "broker/repair.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include "base/show.h"
#include "broker/act.h"
#include "broker/arguments.h"

namespace assent::broker {
namespace {

Result<UniqueFd> open_folder(const std::string& path) {
  auto folder = sys::openat2(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!folder) return fail(folder.error().code, "cannot open " + show(path) + ": " + folder.error().what);
  return folder;
}

Result<Repaired> put_back(int from, const std::string& stage, int to, const std::string& name) {
  switch (const int code = rename_noreplace(from, stage.c_str(), to, name.c_str())) {
    case 0:
      return Repaired::PutBack;
    case EEXIST:
      return Repaired::NameTaken;
    default:
      return fail(code, "cannot put " + show(name) + " back");
  }
}

}  // namespace

Result<Repaired> repair(const HalfDone& half) {
  if (!reserved_name(half.stage)) return fail(EINVAL, "cannot repair " + show(half.stage) + ": not a staging name");
  auto folder = open_folder(half.directory);
  if (!folder) return pass(std::move(folder));
  const int fd = folder->get();

  const FileId& staged_first = half.source ? half.source->id : half.id;
  const Identity staged = compare(fd, half.stage.c_str(), staged_first);
  if (staged == Identity::Gone) return Repaired::Nothing;
  if (staged == Identity::Unknown) return fail(EIO, "cannot look at " + show(half.stage));
  if (!half.source) return put_back(fd, half.stage, fd, half.name);

  auto source_folder = open_folder(half.source->directory);
  if (!source_folder) return pass(std::move(source_folder));
  if (staged == Identity::Other && compare(fd, half.name.c_str(), half.source->id) == Identity::Same) {
    // Source and destination had been exchanged already.
    if (const int code = rename_exchange(fd, half.stage.c_str(), fd, half.name.c_str()); code != 0) {
      return fail(code, "cannot put " + show(half.name) + " back");
    }
  }
  return put_back(fd, half.stage, source_folder->get(), half.source->name);
}

}  // namespace assent::broker
