// A thread, or another process through a shared mapping, rewrites an argument between the name of an own file and the
// name of a foreign one, while the call is made again and again. Whoever reads the argument twice is lost.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "victim.h"

struct shared {
  volatile int stop;
  char path[256];
  struct open_how how;
  struct sockaddr_un address;
};

static struct shared* g;
static const char *g_own, *g_foreign;
static int g_flip_how;
static uint64_t g_own_flags = O_RDONLY, g_foreign_flags = O_WRONLY | O_TRUNC;

static void* flip(void* unused) {
  (void)unused;
  const size_t n = strlen(g_own) + 1;
  while (!g->stop) {
    memcpy(g->path, g_own, n);
    memcpy(g->address.sun_path, g_own, n);
    if (g_flip_how) g->how.flags = g_own_flags;
    for (volatile int i = 0; i < 60; ++i) {
    }
    memcpy(g->path, g_foreign, n);
    memcpy(g->address.sun_path, g_foreign, n);
    if (g_flip_how) g->how.flags = g_foreign_flags;
    for (volatile int i = 0; i < 60; ++i) {
    }
  }
  return NULL;
}

static void make(const char* path) {
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (fd < 0) return;
  if (write(fd, "own\n", 4) < 0) exit(3);
  close(fd);
}

static long write_to(long fd) {
  if (fd < 0) return fd;
  const long n = syscall(SYS_pwrite64, fd, "X", 1, 0);
  close((int)fd);
  return n < 0 ? n : 0;
}

static const struct timespec kLongAgo[2] = {{1, 0}, {1, 0}};

static long attempt(const char* op) {
  char* const p = g->path;
  const long uid = syscall(SYS_getuid), gid = syscall(SYS_getgid);
#define OP(name) if (strcmp(op, name) == 0)
  OP("unlink") return syscall(SYS_unlink, p);
  OP("unlinkat") return syscall(SYS_unlinkat, AT_FDCWD, p, 0);
  OP("rmdir") return syscall(SYS_rmdir, p);
  OP("rename-from") return syscall(SYS_rename, p, "own-destination");
  OP("renameat2-from") return syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, "own-destination", 0);
  OP("rename-to") {
    make("own-source");
    return syscall(SYS_rename, "own-source", p);
  }
  OP("rename-exchange") {
    make("own-source");
    return syscall(SYS_renameat2, AT_FDCWD, "own-source", AT_FDCWD, p, 2);
  }
  OP("truncate") return syscall(SYS_truncate, p, 0L);
  OP("open-trunc") {
    const long fd = syscall(SYS_open, p, O_WRONLY | O_TRUNC);
    if (fd >= 0) close((int)fd);
    return fd;
  }
  // Nothing is asked for that may write, and the file is cut all the same.
  OP("open-cut") {
    const long fd = syscall(SYS_open, p, O_RDONLY | O_TRUNC);
    if (fd >= 0) close((int)fd);
    return fd;
  }
  OP("openat-cut-3") {
    const long fd = syscall(SYS_openat, AT_FDCWD, p, O_ACCMODE | O_TRUNC);
    if (fd >= 0) close((int)fd);
    return fd;
  }
  OP("openat2-cut") {  // O_WRONLY and O_RDONLY | O_TRUNC by turns, and the path as well
    const long fd = syscall(SYS_openat2, AT_FDCWD, p, &g->how, sizeof g->how);
    if (fd >= 0) close((int)fd);
    return fd;
  }
  OP("open-rdwr") return write_to(syscall(SYS_open, p, O_RDWR));
  OP("openat-wronly") return write_to(syscall(SYS_openat, AT_FDCWD, p, O_WRONLY));
  OP("creat") return write_to(syscall(SYS_creat, p, 0644));
  OP("openat2-path") {
    g->how.flags = O_RDWR;
    return write_to(syscall(SYS_openat2, AT_FDCWD, p, &g->how, sizeof g->how));
  }
  OP("openat2-how") {  // the path is foreign and stays; what flips are the flags
    const long fd = syscall(SYS_openat2, AT_FDCWD, g_foreign, &g->how, sizeof g->how);
    if (fd >= 0) close((int)fd);
    return fd;
  }
  OP("link") {
    if (syscall(SYS_link, p, "own-alias") < 0) return -1;
    const long result = write_to(syscall(SYS_openat, AT_FDCWD, "own-alias", O_WRONLY));
    syscall(SYS_unlink, "own-alias");
    return result;
  }
  OP("linkat") {
    if (syscall(SYS_linkat, AT_FDCWD, p, AT_FDCWD, "own-alias", 0) < 0) return -1;
    const long result = write_to(syscall(SYS_openat, AT_FDCWD, "own-alias", O_WRONLY));
    syscall(SYS_unlink, "own-alias");
    return result;
  }
  OP("chmod") return syscall(SYS_chmod, p, 0600);
  OP("fchmodat") return syscall(SYS_fchmodat, AT_FDCWD, p, 0600);
  OP("fchmodat2") return syscall(SYS_fchmodat2, AT_FDCWD, p, 0600, 0);
  OP("chown") return syscall(SYS_chown, p, uid, gid);  // takes the set-user-id bit away
  OP("lchown") return syscall(SYS_lchown, p, uid, gid);
  OP("fchownat") return syscall(SYS_fchownat, AT_FDCWD, p, uid, gid, 0);
  OP("utimensat") return syscall(SYS_utimensat, AT_FDCWD, p, kLongAgo, 0);
  OP("utimes") {
    static const struct { long s, u; } kTimes[2] = {{1, 0}, {1, 0}};
    return syscall(SYS_utimes, p, kTimes);
  }
  OP("setxattr") return syscall(SYS_setxattr, p, "user.attack", "x", 1, 0);
  OP("lsetxattr") return syscall(SYS_lsetxattr, p, "user.attack", "x", 1, 0);
  OP("symlink") return syscall(SYS_symlink, "anything", p);
  OP("mkdir") return syscall(SYS_mkdir, p, 0755);
  OP("mknod") return syscall(SYS_mknod, p, S_IFREG | 0644, 0L);
  OP("connect") {
    const long s = syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    const long result = syscall(SYS_connect, s, &g->address, sizeof(sa_family_t) + strlen(g_own) + 1);
    if (result == 0 && write((int)s, "attack", 6) < 0) exit(3);
    const int code = errno;
    close((int)s);
    errno = code;
    return result;
  }
#undef OP
  fprintf(stderr, "victim: unknown race\n");
  exit(2);
}

int race_main(int argc, char** argv) {
  if (argc < 5) return 2;
  const char* op = argv[0];
  g_own = argv[2];
  g_foreign = argv[3];
  if (strlen(g_own) != strlen(g_foreign)) return 2;
  g_flip_how = strcmp(op, "openat2-how") == 0;
  if (strcmp(op, "openat2-cut") == 0) {
    g_flip_how = 1;
    g_own_flags = O_WRONLY;
    g_foreign_flags = O_RDONLY | O_TRUNC;
  }
  g = mmap(NULL, sizeof *g, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g->address.sun_family = AF_UNIX;
  strcpy(g->path, g_own);
  strcpy(g->address.sun_path, g_own);

  pthread_t thread;
  pid_t process = -1;
  if (strcmp(argv[1], "thread") == 0) {
    if (pthread_create(&thread, NULL, flip, NULL) != 0) return 3;
  } else {
    process = (pid_t)syscall(SYS_fork);
    if (process == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      flip(NULL);
      _exit(0);
    }
  }

  const int names = strcmp(op, "symlink") == 0 || strcmp(op, "mkdir") == 0 || strcmp(op, "mknod") == 0;
  const int folders = strcmp(op, "rmdir") == 0;
  long went = 0, refused = 0, absent = 0, other = 0;
  const double end = now() + atof(argv[4]);
  while (now() < end) {
    if (names) {
      if (strcmp(op, "mkdir") == 0) syscall(SYS_rmdir, g_own);
      else syscall(SYS_unlink, g_own);
    } else if (folders) {
      syscall(SYS_mkdir, g_own, 0755);
    } else if (strcmp(op, "connect") != 0) {
      make(g_own);
    }
    const long result = attempt(op);
    if (result >= 0) ++went;
    else if (errno == EPERM || errno == EACCES) ++refused;
    else if (errno == ENOENT || errno == EEXIST) ++absent;
    else ++other;
  }
  g->stop = 1;
  if (process > 0) kill(process, SIGKILL), waitpid(process, NULL, 0);
  else pthread_join(thread, NULL);
  printf("went=%ld refused=%ld absent=%ld other=%ld\n", went, refused, absent, other);
  return 0;
}
