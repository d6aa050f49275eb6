// mkdir, mkdirat, mknod, mknodat
#include <sys/stat.h>

#include <cerrno>

#include "decode/families.h"

namespace assent::decode {
namespace {

Result<Action> make_directory(Result<PathArg> path, mode_t mode) {
  if (!path) return pass(std::move(path));
  return done(MakeDirectory{std::move(*path), mode});
}

// may_mknod(), which the kernel asks before it looks at the name.
Status check_node(mode_t mode) {
  switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return {};
    case S_IFDIR:
      return fail(EPERM, "cannot make the node: a folder is made by mkdir");
    default:
      return invalid("cannot make the node: no such type");
  }
}

Result<Action> make_node(const Arguments& in, int dirfd, int path, int mode, int device) {
  if (auto fine = check_node(in.mode(mode)); !fine) return pass(std::move(fine));
  auto where = dirfd < 0 ? in.path(path) : in.path_at(dirfd, path);
  if (!where) return pass(std::move(where));
  return done(MakeNode{std::move(*where), in.mode(mode), in.u32(device)});
}

}  // namespace

Result<Action> decode_mkdir(const Arguments& in) { return make_directory(in.path(0), in.mode(1)); }
Result<Action> decode_mkdirat(const Arguments& in) { return make_directory(in.path_at(0, 1), in.mode(2)); }
Result<Action> decode_mknod(const Arguments& in) { return make_node(in, -1, 0, 1, 2); }
Result<Action> decode_mknodat(const Arguments& in) { return make_node(in, 0, 1, 2, 3); }

}  // namespace assent::decode
