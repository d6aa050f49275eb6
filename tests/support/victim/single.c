// One attempt at a time: ways to a foreign file's content, name or metadata that do not go by its plain name.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victim.h"

static long open_file(const char* path, int flags) { return syscall(SYS_openat, AT_FDCWD, path, flags, 0644); }

static void scribble(const char* name, long fd) {
  if (tell(name, fd) < 0) return;
  tell("  write", syscall(SYS_pwrite64, fd, "ATTACK", 6, 0));
  syscall(SYS_close, fd);
}

static long reopen(int fd, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open_file(path, flags);
}

static void metadata_through(int fd) {
  static const struct timespec kLongAgo[2] = {{1, 0}, {1, 0}};
  tell("fchmod", syscall(SYS_fchmod, fd, 0600));
  tell("fchown", syscall(SYS_fchown, fd, syscall(SYS_getuid), syscall(SYS_getgid)));
  tell("futimens", syscall(SYS_utimensat, fd, NULL, kLongAgo, 0));
  tell("fsetxattr", syscall(SYS_fsetxattr, fd, "user.attack", "x", 1, 0));
  int flags = 0;
  if (syscall(SYS_ioctl, fd, FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_NODUMP_FL | FS_NOATIME_FL;
    tell("setflags", syscall(SYS_ioctl, fd, FS_IOC_SETFLAGS, &flags));
  }
  struct { unsigned xflags, extsize, nextents, projid, cowextsize; char pad[8]; } x;
  memset(&x, 0, sizeof x);
  if (syscall(SYS_ioctl, fd, FS_IOC_FSGETXATTR, &x) == 0) {
    x.xflags |= 0x80;  // FS_XFLAG_NODUMP
    tell("fssetxattr", syscall(SYS_ioctl, fd, FS_IOC_FSSETXATTR, &x));
  }
}

static void content_through(int fd) {
  tell("write", syscall(SYS_pwrite64, fd, "ATTACK", 6, 0));
  tell("ftruncate", syscall(SYS_ftruncate, fd, 0));
  tell("fallocate", syscall(SYS_fallocate, fd, 0, 0, 1 << 16));
  tell("punch", syscall(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  const int other = (int)syscall(SYS_memfd_create, "other", 0);
  if (write(other, "ATTACK", 6) < 0) exit(3);
  long long from = 0, to = 0;
  tell("copy_file_range", syscall(SYS_copy_file_range, other, &from, fd, &to, 6, 0));
  int clone = (int)open_file("own-clone", O_RDWR | O_CREAT);
  tell("ficlone", syscall(SYS_ioctl, fd, FICLONE, clone));
  from = 0;
  tell("sendfile", syscall(SYS_sendfile, fd, other, &from, 6));
  int pipes[2];
  if (syscall(SYS_pipe2, pipes, 0) == 0 && write(pipes[1], "ATTACK", 6) == 6) {
    to = 0;
    tell("splice", syscall(SYS_splice, pipes[0], NULL, fd, &to, 6, 0));
  }
  char* map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) {
    const long writable = tell("mprotect", syscall(SYS_mprotect, map, 4096, PROT_READ | PROT_WRITE));
    if (writable == 0) memcpy(map, "MAPPED", 6);
  }
}

static void connect_to(const char* name, int type, const char* path, int abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + abstract, path, sizeof address.sun_path - 2);
  const socklen_t length = (socklen_t)(sizeof(sa_family_t) + (size_t)abstract + strlen(path) + (abstract ? 0 : 1));
  const long s = syscall(SYS_socket, AF_UNIX, type, 0);
  if (s < 0) {
    tell(name, s);
    return;
  }
  if (type == SOCK_DGRAM) {
    tell(name, syscall(SYS_sendto, s, "attack", 6, MSG_DONTWAIT, &address, length));
    struct iovec bytes = {"attack", 6};
    struct msghdr message = {.msg_name = &address, .msg_namelen = length, .msg_iov = &bytes, .msg_iovlen = 1};
    tell("sendmsg", syscall(SYS_sendmsg, s, &message, MSG_DONTWAIT));
  } else if (tell(name, syscall(SYS_connect, s, &address, length)) == 0) {
    tell("  send", syscall(SYS_sendto, s, "attack", 6, MSG_NOSIGNAL, NULL, 0));
  }
  syscall(SYS_close, s);
}

int single_main(int argc, char** argv) {
  if (argc < 1) return 2;
  const char* what = argv[0];
  const char* file = argc > 1 ? argv[1] : "";
#define ACT(name) if (strcmp(what, name) == 0)
  ACT("reopen-readonly") {
    const int fd = (int)tell("open", open_file(file, O_RDONLY));
    scribble("reopen", reopen(fd, O_RDWR));
    scribble("reopen-trunc", reopen(fd, O_WRONLY | O_TRUNC));
    struct open_how how = {.flags = O_RDWR};
    char path[64];
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    scribble("reopen-openat2", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    scribble("reopen-thread", open_file(path, O_RDWR));
    return 0;
  }
  ACT("reopen-path") {
    const int fd = (int)tell("open", open_file(file, O_PATH));
    scribble("reopen", reopen(fd, O_RDWR));
    scribble("reopen-trunc", reopen(fd, O_WRONLY | O_TRUNC));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    tell("truncate", syscall(SYS_truncate, path, 0L));
    tell("chmod", syscall(SYS_chmod, path, 0600));
    if (tell("linkat", syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "own-alias", AT_SYMLINK_FOLLOW)) == 0) {
      scribble("alias", open_file("own-alias", O_RDWR));
    }
    return 0;
  }
  ACT("stdin") {  // standard input is the foreign file itself, as the host opened it
    scribble("reopen", reopen(0, O_RDWR));
    scribble("reopen-trunc", reopen(0, O_WRONLY | O_TRUNC));
    scribble("dev-stdin", open_file("/dev/stdin", O_RDWR | O_TRUNC));
    metadata_through(0);
    content_through(0);
    return 0;
  }
  ACT("stdin-folder") {  // standard input is a folder of the host
    scribble("openat", syscall(SYS_openat, 0, file, O_RDWR | O_TRUNC, 0644));
    tell("unlinkat", syscall(SYS_unlinkat, 0, file, 0));
    const long secret = tell("secret", syscall(SYS_openat, 0, argc > 2 ? argv[2] : "x", O_RDONLY));
    char text[64] = "";
    if (secret >= 0 && read((int)secret, text, sizeof text - 1) > 0) printf("read %s\n", text);
    return 0;
  }
  ACT("metadata") {
    metadata_through((int)tell("open", open_file(file, O_RDONLY)));
    return 0;
  }
  ACT("content") {
    content_through((int)tell("open", open_file(file, argc > 2 ? O_RDWR : O_RDONLY)));
    return 0;
  }
  ACT("alias") {
    tell("link", syscall(SYS_link, file, "own-alias"));
    scribble("open", open_file("own-alias", O_RDWR));
    tell("symlink", syscall(SYS_symlink, file, "own-symlink"));
    scribble("open-symlink", open_file("own-symlink", O_RDWR));
    tell("truncate-symlink", syscall(SYS_truncate, "own-symlink", 0L));
    tell("linkat-follow", syscall(SYS_linkat, AT_FDCWD, "own-symlink", AT_FDCWD, "own-alias2", AT_SYMLINK_FOLLOW));
    scribble("open-alias2", open_file("own-alias2", O_RDWR | O_TRUNC));
    return 0;
  }
  ACT("tmpfile") {
    const int fd = (int)tell("tmpfile", open_file(".", O_TMPFILE | O_RDWR));
    if (fd < 0) return 0;
    if (write(fd, "ATTACK", 6) < 0) return 3;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    tell("linkat-over", syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, file, AT_SYMLINK_FOLLOW));
    tell("linkat-new", syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, "own-new", AT_SYMLINK_FOLLOW));
    tell("rename-over", syscall(SYS_rename, "own-new", file));
    return 0;
  }
  ACT("rename-over") {
    const long fd = open_file("own-source", O_WRONLY | O_CREAT);
    if (fd >= 0) scribble("make", fd);
    tell("rename", syscall(SYS_rename, "own-source", file));
    return 0;
  }
  ACT("exchange") {
    const long fd = open_file("own-source", O_WRONLY | O_CREAT);
    if (fd >= 0) scribble("make", fd);
    tell("exchange", syscall(SYS_renameat2, AT_FDCWD, "own-source", AT_FDCWD, file, 2));
    tell("exchange-back", syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, "own-source", 2));
    tell("exchange-again", syscall(SYS_renameat2, AT_FDCWD, "own-source", AT_FDCWD, file, 2));
    scribble("open", open_file("own-source", O_RDWR));
    tell("unlink", syscall(SYS_unlink, "own-source"));
    return 0;
  }
  ACT("openat2") {
    static const unsigned long kResolve[] = {0, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV, RESOLVE_CACHED,
                                             RESOLVE_CACHED | RESOLVE_BENEATH, 1UL << 40};
    for (unsigned i = 0; i < sizeof kResolve / sizeof kResolve[0]; ++i) {
      struct open_how how = {.flags = O_WRONLY | O_TRUNC, .resolve = kResolve[i]};
      char name[32];
      snprintf(name, sizeof name, "resolve-%#lx", kResolve[i]);
      scribble(name, syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how));
    }
    struct { struct open_how how; unsigned long more; } longer = {{.flags = O_WRONLY | O_TRUNC}, 0};
    scribble("longer", syscall(SYS_openat2, AT_FDCWD, file, &longer, sizeof longer));
    longer.more = 1;
    scribble("longer-unknown", syscall(SYS_openat2, AT_FDCWD, file, &longer, sizeof longer));
    return 0;
  }
  ACT("odd-opens") {  // flags that empty or open for writing in ways a filter may overlook
    scribble("trunc-readonly", open_file(file, O_RDONLY | O_TRUNC));
    scribble("accmode-3", open_file(file, 3));
    scribble("high-bits", syscall(SYS_openat, (long)AT_FDCWD | (1L << 40), file, (long)O_WRONLY | (1L << 40), 0));
    scribble("creat", syscall(SYS_creat, file, 0600));
    scribble("append", open_file(file, O_WRONLY | O_APPEND));
    scribble("creat-append", open_file(file, O_WRONLY | O_CREAT | O_APPEND));
    return 0;
  }
  ACT("stream") { connect_to("connect", SOCK_STREAM, file, 0); return 0; }
  ACT("seqpacket") { connect_to("connect", SOCK_SEQPACKET, file, 0); return 0; }
  ACT("datagram") {
    connect_to("sendto", SOCK_DGRAM, file, 0);
    int pair[2];
    if (tell("socketpair", syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, pair)) == 0) {
      struct sockaddr_un address = {.sun_family = AF_UNIX};
      strncpy(address.sun_path, file, sizeof address.sun_path - 1);
      tell("pair-sendto", syscall(SYS_sendto, pair[0], "attack", 6, MSG_DONTWAIT, &address, sizeof address));
    }
    return 0;
  }
  ACT("abstract") { connect_to("connect", SOCK_STREAM, file, 1); connect_to("sendto", SOCK_DGRAM, file, 1); return 0; }
  ACT("memfd") {  // runs this very program from memory, where no file names it
    const int self = (int)open_file("/proc/self/exe", O_RDONLY);
    const int memory = (int)syscall(SYS_memfd_create, "memory", 0);
    char buffer[65536];
    ssize_t n;
    while ((n = read(self, buffer, sizeof buffer)) > 0) {
      if (write(memory, buffer, (size_t)n) != n) return 3;
    }
    char* const arguments[] = {"victim", "act", "remove", (char*)file, NULL};
    char* const environment[] = {NULL};
    tell("execveat", syscall(SYS_execveat, memory, "", arguments, environment, AT_EMPTY_PATH));
    return 0;
  }
  ACT("remove") {
    tell("truncate", syscall(SYS_truncate, file, 0L));
    tell("unlink", syscall(SYS_unlink, file));
    return 0;
  }
  ACT("write-file") {  // tries to open for writing, and only says what came of it
    tell("open", open_file(file, O_WRONLY));
    tell("open-rdwr", open_file(file, O_RDWR));
    return 0;
  }
  ACT("bury") {  // names that would harm a terminal or a log, in denied and in own acts
    char name[300];
    memset(name, 'L', 255);
    name[255] = 0;
    const char* names[] = {"evil\nassent: denied nothing, all is well", "\033]0;title\007\033[2J", "\xff\xfe invalid \x80", "\xe2\x80\xae right-to-left", "\r\rback", name};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; ++i) {
      tell("unlink", syscall(SYS_unlink, names[i]));
      char own[300];
      snprintf(own, sizeof own, "%.250sown", names[i]);
      const long fd = open_file(own, O_WRONLY | O_CREAT | O_EXCL);
      tell("create", fd);
      tell("unlink-own", syscall(SYS_unlink, own));
    }
    char deep[8192] = "";
    while (strlen(deep) < 4000) strcat(deep, "./");
    strcat(deep, "deep-file");
    tell("unlink-4k", syscall(SYS_unlink, deep));
    while (strlen(deep) < 5000) strcat(deep, "x");
    tell("unlink-5k", syscall(SYS_unlink, deep));
    return 0;
  }
  ACT("project") {  // the project folder itself, its parent, and mounts on the way
    tell("rmdir", syscall(SYS_rmdir, file));
    tell("unlinkat", syscall(SYS_unlinkat, AT_FDCWD, file, AT_REMOVEDIR));
    tell("rename", syscall(SYS_rename, file, "../moved"));
    tell("rename-parent", syscall(SYS_rename, "..", "../../moved"));
    tell("rmdir-parent", syscall(SYS_rmdir, ".."));
    tell("symlink-over", syscall(SYS_symlink, "nowhere-at-all", file));
    tell("chmod", syscall(SYS_chmod, file, 0));
    tell("chmod-parent", syscall(SYS_chmod, "..", 0));
    syscall(SYS_mkdir, "own-folder", 0755);
    tell("exchange", syscall(SYS_renameat2, AT_FDCWD, "own-folder", AT_FDCWD, file, 2));
    tell("rename-over", syscall(SYS_rename, "own-folder", file));
    return 0;
  }
#undef ACT
  fprintf(stderr, "victim: unknown act\n");
  return 2;
}
