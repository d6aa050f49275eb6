// One function a system call; a file a family. Only decode.cpp's table calls them.
#pragma once

#include "decode/arguments.h"

namespace assent::decode {

// remove.cpp
Result<Action> decode_unlink(const Arguments& in);
Result<Action> decode_unlinkat(const Arguments& in);
Result<Action> decode_rmdir(const Arguments& in);

// rename.cpp
Result<Action> decode_rename(const Arguments& in);
Result<Action> decode_renameat(const Arguments& in);
Result<Action> decode_renameat2(const Arguments& in);

// open.cpp
Result<Action> decode_truncate(const Arguments& in);
Result<Action> decode_creat(const Arguments& in);
Result<Action> decode_open(const Arguments& in);
Result<Action> decode_openat(const Arguments& in);
Result<Action> decode_openat2(const Arguments& in);

// link.cpp
Result<Action> decode_link(const Arguments& in);
Result<Action> decode_linkat(const Arguments& in);
Result<Action> decode_symlink(const Arguments& in);
Result<Action> decode_symlinkat(const Arguments& in);

// make.cpp
Result<Action> decode_mkdir(const Arguments& in);
Result<Action> decode_mkdirat(const Arguments& in);
Result<Action> decode_mknod(const Arguments& in);
Result<Action> decode_mknodat(const Arguments& in);

// metadata.cpp
Result<Action> decode_chmod(const Arguments& in);
Result<Action> decode_fchmod(const Arguments& in);
Result<Action> decode_fchmodat(const Arguments& in);
Result<Action> decode_fchmodat2(const Arguments& in);
Result<Action> decode_chown(const Arguments& in);
Result<Action> decode_fchown(const Arguments& in);
Result<Action> decode_lchown(const Arguments& in);
Result<Action> decode_fchownat(const Arguments& in);

// times.cpp
Result<Action> decode_utime(const Arguments& in);
Result<Action> decode_utimes(const Arguments& in);
Result<Action> decode_futimesat(const Arguments& in);
Result<Action> decode_utimensat(const Arguments& in);

// xattr.cpp
Result<Action> decode_setxattr(const Arguments& in);
Result<Action> decode_lsetxattr(const Arguments& in);
Result<Action> decode_fsetxattr(const Arguments& in);
Result<Action> decode_setxattrat(const Arguments& in);
Result<Action> decode_removexattr(const Arguments& in);
Result<Action> decode_lremovexattr(const Arguments& in);
Result<Action> decode_fremovexattr(const Arguments& in);
Result<Action> decode_removexattrat(const Arguments& in);

// file_flags.cpp
Result<Action> decode_file_setattr(const Arguments& in);
Result<Action> decode_ioctl(const Arguments& in);

// connect.cpp
Result<Action> decode_connect(const Arguments& in);
Result<Action> decode_bind(const Arguments& in);
Result<Action> decode_listen(const Arguments& in);

// send.cpp
Result<Action> decode_sendto(const Arguments& in);
Result<Action> decode_sendmsg(const Arguments& in);
Result<Action> decode_sendmmsg(const Arguments& in);

// access.cpp
Result<Action> decode_access(const Arguments& in);
Result<Action> decode_faccessat(const Arguments& in);
Result<Action> decode_faccessat2(const Arguments& in);

// exec.cpp
Result<Action> decode_execve(const Arguments& in);
Result<Action> decode_execveat(const Arguments& in);

// observe.cpp
Result<Action> decode_chdir(const Arguments& in);
Result<Action> decode_umask(const Arguments& in);

}  // namespace assent::decode
