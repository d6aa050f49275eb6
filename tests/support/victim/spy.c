// Reads a hidden file by one way, again and again, and says when it saw the text that nobody may see.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "victim.h"

static int looks_secret(const char* text) { return strstr(text, "SECRET") != NULL; }

static int read_and_close(long fd) {
  if (fd < 0) return 0;
  char text[256] = "";
  const long n = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return n > 0 && looks_secret(text);
}

static int look(const char* way, const char* file, int folder) {
  const char* slash = strrchr(file, '/');
  const char* name = slash != NULL ? slash + 1 : file;
  if (strcmp(way, "open") == 0) return read_and_close(syscall(SYS_open, file, O_RDONLY));
  // O_CREAT of a file that is there only reads it, but is a call that the gate carries out.
  if (strcmp(way, "open-creat") == 0) return read_and_close(syscall(SYS_open, file, O_RDONLY | O_CREAT, 0600));
  if (strcmp(way, "open-creat-anything") == 0) {
    const long fd = syscall(SYS_open, file, O_RDONLY | O_CREAT, 0600);
    char byte;
    return fd >= 0 && syscall(SYS_read, fd, &byte, 1) == 1;
  }
  if (strcmp(way, "openat2-creat") == 0) {
    struct open_how how = {.flags = O_RDONLY | O_CREAT | O_NOFOLLOW, .mode = 0600};
    return read_and_close(syscall(SYS_openat2, folder, name, &how, sizeof how));
  }
  if (strcmp(way, "open-both") == 0) return read_and_close(syscall(SYS_open, file, O_RDWR));
  if (strcmp(way, "reopen-creat") == 0) {
    const long pinned = syscall(SYS_openat, folder, name, O_PATH | O_NOFOLLOW);
    if (pinned < 0) return 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%ld", pinned);
    const int seen = read_and_close(syscall(SYS_open, path, O_RDONLY | O_CREAT, 0600));
    syscall(SYS_close, pinned);
    return seen;
  }
  if (strcmp(way, "openat") == 0) return read_and_close(syscall(SYS_openat, folder, name, O_RDONLY));
  if (strcmp(way, "openat2") == 0) {
    struct open_how how = {.flags = O_RDONLY};
    return read_and_close(syscall(SYS_openat2, folder, name, &how, sizeof how));
  }
  if (strcmp(way, "openat2-beneath") == 0) {
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV};
    return read_and_close(syscall(SYS_openat2, folder, name, &how, sizeof how));
  }
  if (strcmp(way, "reopen") == 0) {
    const long pinned = syscall(SYS_openat, folder, name, O_PATH | O_NOFOLLOW);
    if (pinned < 0) return 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%ld", pinned);
    const int seen = read_and_close(syscall(SYS_open, path, O_RDONLY));
    syscall(SYS_close, pinned);
    return seen;
  }
  if (strcmp(way, "mmap") == 0) {
    const long fd = syscall(SYS_open, file, O_RDONLY);
    if (fd < 0) return 0;
    char* map = mmap(NULL, 64, PROT_READ, MAP_PRIVATE, (int)fd, 0);
    struct stat size;
    int seen = 0;
    if (map != MAP_FAILED) {
      seen = fstat((int)fd, &size) == 0 && size.st_size > 0 && memmem(map, 64, "SECRET", 6) != NULL;
      munmap(map, 64);
    }
    syscall(SYS_close, fd);
    return seen;
  }
  if (strcmp(way, "link") == 0) {
    syscall(SYS_link, file, "own-alias");
    const int seen = read_and_close(syscall(SYS_open, "own-alias", O_RDONLY));
    syscall(SYS_unlink, "own-alias");
    return seen;
  }
  if (strcmp(way, "rename") == 0) {
    syscall(SYS_rename, file, "own-moved");
    const int seen = read_and_close(syscall(SYS_open, "own-moved", O_RDONLY));
    syscall(SYS_rename, "own-moved", file);
    return seen;
  }
  if (strcmp(way, "symlink") == 0) {
    syscall(SYS_symlink, name, "own-symlink");
    const int seen = read_and_close(syscall(SYS_open, "own-symlink", O_RDONLY));
    syscall(SYS_unlink, "own-symlink");
    return seen;
  }
  if (strcmp(way, "readlink") == 0) {
    char text[256] = "";
    const long n = syscall(SYS_readlink, file, text, sizeof text - 1);
    return n > 0 && looks_secret(text);
  }
  if (strcmp(way, "magic-cwd") == 0) {
    char path[512];
    snprintf(path, sizeof path, "/proc/self/cwd/%s", file);
    return read_and_close(syscall(SYS_open, path, O_RDONLY));
  }
  if (strcmp(way, "magic-root") == 0) {
    char path[1024] = "/proc/self/root", cwd[512] = "";
    if (syscall(SYS_getcwd, cwd, sizeof cwd) < 0) return 0;
    snprintf(path, sizeof path, "/proc/self/root%s/%s", cwd, file);
    return read_and_close(syscall(SYS_open, path, O_RDONLY));
  }
  if (strcmp(way, "magic-pid1") == 0) {
    char path[1024], cwd[512] = "";
    if (syscall(SYS_getcwd, cwd, sizeof cwd) < 0) return 0;
    snprintf(path, sizeof path, "/proc/1/root%s/%s", cwd, file);
    return read_and_close(syscall(SYS_open, path, O_RDONLY));
  }
  fprintf(stderr, "victim: unknown way\n");
  exit(2);
}

// spy WAY FILE SECONDS
int spy_main(int argc, char** argv) {
  if (argc < 3) return 2;
  char folder_name[512] = ".";
  const char* slash = strrchr(argv[1], '/');
  if (slash != NULL) snprintf(folder_name, sizeof folder_name, "%.*s", (int)(slash - argv[1]), argv[1]);
  const int folder = (int)syscall(SYS_open, folder_name, O_RDONLY | O_DIRECTORY);
  const double end = now() + atof(argv[2]);
  long rounds = 0, seen = 0;
  printf("ready\n");
  fflush(stdout);
  do {
    seen += look(argv[0], argv[1], folder);
    ++rounds;
  } while (now() < end && seen == 0);
  printf("rounds=%ld seen=%ld\n", rounds, seen);
  return 0;
}
