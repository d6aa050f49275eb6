// What a name means is swapped while it is used: a parent folder for a symbolic link, the working folder, a descriptor.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "victim.h"

static volatile int g_stop;
static int g_own_folder, g_foreign_folder, g_slot = 200;
static long g_swapped;

static void* swap_names(void* unused) {
  (void)unused;
  while (!g_stop) {
    if (syscall(SYS_renameat2, AT_FDCWD, "own-way", AT_FDCWD, "own-link", 2) == 0) ++g_swapped;
  }
  return NULL;
}

static void* swap_cwd(void* unused) {
  (void)unused;
  while (!g_stop) {
    if (syscall(SYS_fchdir, g_foreign_folder) == 0) ++g_swapped;
    if (syscall(SYS_fchdir, g_own_folder) == 0) ++g_swapped;
  }
  return NULL;
}

static void* swap_descriptor(void* unused) {
  (void)unused;
  while (!g_stop) {
    if (syscall(SYS_dup2, g_foreign_folder, g_slot) >= 0) ++g_swapped;
    if (syscall(SYS_dup2, g_own_folder, g_slot) >= 0) ++g_swapped;
  }
  return NULL;
}

static void make_at(int folder, const char* name) {
  const int fd = (int)syscall(SYS_openat, folder, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (fd >= 0) close(fd);
}

// swap parent|cwd|dirfd|fd FOREIGN-FOLDER SECONDS; a file "f" lies in the foreign folder.
int swap_main(int argc, char** argv) {
  if (argc < 3) return 2;
  const char* kind = argv[0];
  const double seconds = atof(argv[2]);
  syscall(SYS_mkdir, "own-way", 0755);
  syscall(SYS_symlink, argv[1], "own-link");
  g_own_folder = (int)syscall(SYS_open, "own-way", O_RDONLY | O_DIRECTORY);
  g_foreign_folder = (int)syscall(SYS_open, argv[1], O_RDONLY | O_DIRECTORY);
  if (g_own_folder < 0 || g_foreign_folder < 0) return 3;
  if (strcmp(kind, "fd") == 0) {
    make_at(g_own_folder, "f");
    const int own = (int)syscall(SYS_openat, g_own_folder, "f", O_RDONLY);
    const int foreign = (int)syscall(SYS_openat, g_foreign_folder, "f", O_RDONLY);
    g_own_folder = own;
    g_foreign_folder = foreign;
  }
  syscall(SYS_dup2, g_own_folder, g_slot);

  pthread_t thread;
  void* (*swapper)(void*) = strcmp(kind, "parent") == 0 ? swap_names : strcmp(kind, "cwd") == 0 ? swap_cwd : swap_descriptor;
  if (pthread_create(&thread, NULL, swapper, NULL) != 0) return 3;

  long went = 0, refused = 0, other = 0;
  const double end = now() + seconds;
  while (now() < end) {
    long result;
    if (strcmp(kind, "parent") == 0) {
      make_at(g_own_folder, "f");
      result = syscall(SYS_unlink, "own-way/f");
    } else if (strcmp(kind, "cwd") == 0) {
      make_at(g_own_folder, "f");
      result = syscall(SYS_unlink, "f");
    } else if (strcmp(kind, "dirfd") == 0) {
      make_at(g_own_folder, "f");
      result = syscall(SYS_unlinkat, g_slot, "f", 0);
    } else {
      result = syscall(SYS_fchmod, g_slot, 0640);
    }
    if (result == 0) ++went;
    else if (errno == EPERM || errno == EACCES) ++refused;
    else ++other;
  }
  g_stop = 1;
  pthread_join(thread, NULL);
  printf("went=%ld refused=%ld other=%ld swapped=%ld\n", went, refused, other, g_swapped);
  return 0;
}
