// Small words that the acts are written in: outcomes, verification, pinned objects, renames that never replace.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "assent/target.h"
#include "base/sys.h"
#include "broker/outcome.h"

namespace assent::broker {

inline Outcome done(std::int64_t value = 0) {
  Outcome outcome;
  outcome.reply = ReturnValue{value};
  return outcome;
}
inline Outcome failed(int code) {
  Outcome outcome;
  outcome.reply = ReturnErrno{code == 0 ? EIO : code};
  return outcome;
}
// Nothing was done. The errno is for a session that gives up judging again.
inline Outcome raced() {
  Outcome outcome = failed(EAGAIN);
  outcome.raced = true;
  return outcome;
}

enum class Identity { Same, Other, Gone, Unknown };
// What `directory`/`name` (never followed; empty: the descriptor itself) is now, against what was judged.
Identity compare(int directory, const char* name, const FileId& judged, struct statx* now = nullptr);

inline bool is_directory(const struct statx& stat) { return S_ISDIR(stat.stx_mode); }

// "/proc/self/fd/N": the way to the very object that an O_PATH descriptor stands for.
class ObjectPath {
 public:
  explicit ObjectPath(int fd);
  [[nodiscard]] const char* c_str() const { return text_; }

 private:
  char text_[32];
};

// A descriptor (O_PATH or the agent's own) that was verified to be the judged object.
struct Pinned {
  int fd = -1;
  UniqueFd owned;  // set where we had to open it
  int error = 0;   // ESTALE: somebody else is in the place (raced)
};
Pinned pin(const Target& target);
Outcome not_pinned(const Pinned& pinned);  // the outcome of an act whose object could not be pinned

// rename that fails with EEXIST instead of replacing. On a file system without RENAME_NOREPLACE (NFS, some FUSE) the
// check comes just before the rename. 0 or an errno.
int rename_noreplace(int from_directory, const char* from, int to_directory, const char* to);
int rename_exchange(int from_directory, const char* from, int to_directory, const char* to);

enum class Emptiness { Empty, NotEmpty, Unknown };
Emptiness emptiness(int directory, const char* name);

}  // namespace assent::broker
