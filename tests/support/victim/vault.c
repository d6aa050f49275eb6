// What is out of reach for good once it was deleted: holds on to FILE in one way, deletes it, and then tries to change
// it through what it held.  vault HOW FILE, HOW: readonly, path, folder, writable, mapped, link
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "victim.h"

static long open_at(int folder, const char* path, int flags) { return syscall(SYS_openat, folder, path, flags, 0600); }

static void overwrite(const char* name, long fd) {
  if (tell(name, fd) < 0) return;
  tell("  write", syscall(SYS_pwrite64, fd, "ATTACK", 6, 0));
  syscall(SYS_close, fd);
}

static void change_all_ways(int fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  overwrite("reopen-write", open_at(AT_FDCWD, path, O_WRONLY));
  overwrite("reopen-rdwr", open_at(AT_FDCWD, path, O_RDWR));
  overwrite("reopen-append", open_at(AT_FDCWD, path, O_WRONLY | O_APPEND));
  overwrite("reopen-trunc", open_at(AT_FDCWD, path, O_RDONLY | O_TRUNC));
  tell("truncate", syscall(SYS_truncate, path, 0));
  tell("ftruncate", syscall(SYS_ftruncate, fd, 0));
  tell("chmod", syscall(SYS_fchmodat, AT_FDCWD, path, 0777));
  tell("fchmod", syscall(SYS_fchmod, fd, 0777));
  tell("fchmodat2", syscall(SYS_fchmodat2, fd, "", 0777, AT_EMPTY_PATH));
  tell("fchown", syscall(SYS_fchownat, fd, "", syscall(SYS_getuid), syscall(SYS_getgid), AT_EMPTY_PATH));
  static const struct timespec kLongAgo[2] = {{1, 0}, {1, 0}};
  tell("utimens", syscall(SYS_utimensat, AT_FDCWD, path, kLongAgo, 0));
  tell("futimens", syscall(SYS_utimensat, fd, NULL, kLongAgo, 0));
  tell("setxattr", syscall(SYS_setxattr, path, "user.attack", "x", 1, 0));
  tell("fsetxattr", syscall(SYS_fsetxattr, fd, "user.attack", "x", 1, 0));
  tell("setxattrat", syscall(SYS_setxattrat, fd, "", AT_EMPTY_PATH, "user.attack", "x", 16));
  tell("link", syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
  tell("link-empty", syscall(SYS_linkat, fd, "", AT_FDCWD, "back-again", AT_EMPTY_PATH));
  overwrite("open-link", open_at(AT_FDCWD, "back", O_WRONLY));
  overwrite("open-link-again", open_at(AT_FDCWD, "back-again", O_WRONLY));
  tell("mmap", (long)(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0));
}

int vault_main(int argc, char** argv) {
  if (argc < 2) return 2;
  const char* how = argv[0];
  const char* file = argv[1];
  char folder[4096];
  snprintf(folder, sizeof folder, "%s", file);
  char* slash = strrchr(folder, '/');
  if (slash == NULL) return 2;
  *slash = 0;
  const int flags = strcmp(how, "path") == 0                                     ? O_PATH
                    : strcmp(how, "writable") == 0 || strcmp(how, "mapped") == 0 ? O_RDWR
                                                                                 : O_RDONLY;
  int fd = (int)open_at(AT_FDCWD, file, flags);
  const int dir = (int)open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
  if (tell("hold", fd) < 0) return 3;
  char* mapped = NULL;
  if (strcmp(how, "mapped") == 0) {
    mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return 3;
  }
  if (strcmp(how, "link") == 0 && tell("second-name", syscall(SYS_linkat, AT_FDCWD, file, AT_FDCWD, "second", 0)) < 0)
    return 3;
  if (tell("delete", syscall(SYS_unlinkat, AT_FDCWD, file, 0)) < 0) return 3;
  tell("delete-folder", syscall(SYS_unlinkat, AT_FDCWD, folder, AT_REMOVEDIR));
  if (strcmp(how, "folder") == 0) {
    // Where it may have gone, as seen from the folder that it was in; and by every name that can be guessed.
    overwrite("in-folder", open_at(dir, slash + 1, O_WRONLY));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, slash + 1);
    overwrite("through-folder", open_at(AT_FDCWD, path, O_WRONLY));
    overwrite("beside-folder", open_at(dir, "../.assent-0", O_WRONLY));
  }
  if (strcmp(how, "writable") == 0) tell("write", syscall(SYS_pwrite64, fd, "ATTACK", 6, 0));
  if (mapped != NULL) {
    memcpy(mapped, "ATTACK", 6);
    msync(mapped, 4096, MS_SYNC);
    tell("mapped-write", 0);
  }
  if (strcmp(how, "link") == 0) overwrite("second", open_at(AT_FDCWD, "second", O_WRONLY));
  change_all_ways(fd);
  return 0;
}
