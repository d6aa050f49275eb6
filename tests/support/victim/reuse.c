// Makes files whose end nobody sees, again and again, and tries to remove whatever somebody else made beside them
// meanwhile: an inode number is given out again at once, within one tick with the same birth time.
//   reuse HOW FOLDER SECONDS, HOW: tmpfile, full.  HOW cut: cuts FOLDER/notes and a file of its own with no descriptor
//   left
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "victim.h"

struct entry {
  uint64_t inode;
  int64_t next;
  unsigned short length;
  unsigned char type;
  char name[];
};

static int cut(int folder) {
  const long own = syscall(SYS_openat, folder, "own", O_RDWR | O_CREAT, 0600);
  if (own < 0 || syscall(SYS_write, own, "four", 4) != 4) return 2;
  const int last = (int)own;
  struct rlimit limit = {(rlim_t)last + 1, (rlim_t)last + 10};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  tell("cut-notes", syscall(SYS_openat, folder, "notes", O_WRONLY | O_TRUNC, 0));
  tell("cut-own", syscall(SYS_openat, folder, "own", O_WRONLY | O_TRUNC, 0));
  printf("own=%ld\n", (long)syscall(SYS_lseek, own, 0, SEEK_END));
  limit.rlim_cur = (rlim_t)last + 10;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  for (int i = 1; i < 5; ++i) syscall(SYS_dup2, own, last + i);
  limit.rlim_cur = (rlim_t)last + 1;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  syscall(SYS_close, own);
  tell("cut-into-a-gap", syscall(SYS_openat, folder, "own", O_WRONLY | O_TRUNC, 0));
  return 0;
}

int reuse_main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int full = strcmp(argv[0], "full") == 0;
  const int folder = (int)syscall(SYS_openat, AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY, 0);
  const int list = (int)syscall(SYS_openat, AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY, 0);
  if (folder < 0 || list < 0) return 2;
  if (strcmp(argv[0], "cut") == 0) return cut(folder);
  if (full) {  // no descriptor is left for what is made
    const struct rlimit none = {(rlim_t)list + 1, (rlim_t)list + 1};
    if (setrlimit(RLIMIT_NOFILE, &none) != 0) return 2;
  }
  printf("ready\n");
  fflush(stdout);
  const double end = now() + atof(argv[2]);
  long made = 0, removed = 0, refused = 0;
  static char buffer[32768];
  while (now() < end) {
    for (int i = 0; i < 8; ++i) {
      const long fd = full ? syscall(SYS_openat, folder, "own", O_RDWR | O_CREAT | O_EXCL, 0600)
                           : syscall(SYS_openat, folder, ".", O_RDWR | O_TMPFILE, 0600);
      if (fd >= 0 || errno == EMFILE) ++made;
      if (fd >= 0) syscall(SYS_close, fd);
    }
    syscall(SYS_lseek, list, 0, SEEK_SET);
    const long n = syscall(SYS_getdents64, list, buffer, sizeof buffer);
    for (long at = 0; at < n;) {
      const struct entry* each = (const struct entry*)(buffer + at);
      at += each->length;
      if (strncmp(each->name, "user-", 5) != 0) continue;
      if (syscall(SYS_unlinkat, folder, each->name, 0) == 0)
        ++removed;
      else
        ++refused;
    }
  }
  printf("made=%ld removed=%ld refused=%ld\n", made, removed, refused);
  return 0;
}
