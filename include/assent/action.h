// Action: what the agent asked the kernel for, copied once out of its memory. Values only: nothing in here
// points back into the agent. Made by decode; names are bytes exactly as the agent gave them.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace assent {

// A path argument: `dirfd` is AT_FDCWD or a descriptor number of the agent's (low 32 bits, signed).
// An empty `path` names the descriptor itself (AT_EMPTY_PATH, and the f… forms such as fchmod).
enum class Descriptor { Any, Opened };  // Opened: the f… forms, for which one opened with O_PATH is none (EBADF)
struct PathArg {
  int dirfd = AT_FDCWD;
  std::string path;
  Descriptor descriptor = Descriptor::Any;

  friend bool operator==(const PathArg&, const PathArg&) = default;
};

enum class Follow { No, Yes };  // whether a symbolic link in the last place is followed

enum class RemoveKind { File, Directory };
struct Remove {  // unlink, unlinkat, rmdir
  PathArg path;
  RemoveKind kind = RemoveKind::File;
};

struct Rename {  // rename, renameat, renameat2
  PathArg from;
  PathArg to;
  unsigned flags = 0;  // RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT
  int to_error = 0;    // `to` could not be read: said after what is wrong with `from`, as the kernel does
};

struct Truncate {  // truncate (ftruncate needs a descriptor that an Open already judged)
  PathArg path;
  std::int64_t length = 0;
};

enum class OpenCall { Open, Openat2 };  // open, creat and openat are one; openat2 refuses unknown flags
struct Open {
  PathArg path;
  std::uint64_t flags = 0;    // O_*; O_LARGEFILE cleared
  std::uint64_t mode = 0;     // as given; the umask is not yet applied
  std::uint64_t resolve = 0;  // RESOLVE_* of openat2
  OpenCall call = OpenCall::Open;
};

struct Link {  // link, linkat
  PathArg from;
  PathArg to;
  Follow follow = Follow::No;
  int to_error = 0;  // as in Rename
};

struct MakeDirectory {
  PathArg path;
  mode_t mode = 0;
};
struct MakeSymlink {
  std::string target;
  PathArg path;
};
struct MakeNode {  // mknod, mknodat
  PathArg path;
  mode_t mode = 0;
  std::uint64_t device = 0;
};

struct SetMode {
  mode_t mode = 0;
};
struct SetOwner {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};
struct SetTimes {
  std::optional<std::array<timespec, 2>> times;  // none: now (needs write permission only)
};
struct SetXattr {
  std::string name;
  std::string value;
  int flags = 0;  // XATTR_CREATE, XATTR_REPLACE
};
struct RemoveXattr {
  std::string name;
};
struct SetFileFlags {         // FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION, file_setattr
  unsigned long request = 0;  // the ioctl number, or 0 for file_setattr
  std::string argument;       // the bytes of its argument
};
using MetadataChange = std::variant<SetMode, SetOwner, SetTimes, SetXattr, RemoveXattr, SetFileFlags>;
struct SetMetadata {
  PathArg path;
  Follow follow = Follow::Yes;
  MetadataChange change;
};

struct Connect {
  int socket = -1;      // descriptor number of the agent's
  std::string address;  // struct sockaddr, as many bytes as given (at most sizeof(sockaddr_storage))
};

struct Bind {
  int socket = -1;
  std::string address;  // as in Connect
};
struct Listen {
  int socket = -1;
  int backlog = 0;
};

struct Send {  // sendto, sendmsg, sendmmsg
  int socket = -1;
  std::vector<std::string>
      addresses;  // as in Connect; of the first 64 messages, each once; unreadable ones are missing
};

struct CheckAccess {  // access, faccessat, faccessat2 that ask for writing: changes nothing, but only the host's mount
                      // knows
  PathArg path;
  int mode = 0;   // R_OK, W_OK, X_OK
  int flags = 0;  // AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH
};

struct Exec {  // execve, execveat
  PathArg path;
  int flags = 0;
  std::vector<std::string> argv;  // bounded: see decode; `argv_cut` when there was more
  bool argv_cut = false;
};

// Calls that change nothing outside the process but that caches of ours depend on.
struct ChangeDirectory {};  // chdir, fchdir
struct ChangeUmask {
  mode_t mask = 0;
};

using Action = std::variant<Remove, Rename, Truncate, Open, Link, MakeDirectory, MakeSymlink, MakeNode, SetMetadata,
                            Connect, Bind, Listen, Send, CheckAccess, Exec, ChangeDirectory, ChangeUmask>;

}  // namespace assent
