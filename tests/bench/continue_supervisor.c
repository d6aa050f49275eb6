// continue_supervisor [--act] COMMAND...: the limit that a supervisor can reach: every call that assent gates is notified,
// received, and continued in the kernel, with SYNC_WAKE_UP, and nothing else is done. Protects nothing.
// With --act the least that one must do which does the acts itself and cannot be raced: copy the path once, look whether the
// call still waits, hold the folder, look at the object, act on what is held. unlinkat and O_CREAT|O_EXCL of one name in a folder
// below the working directory or under a descriptor; the arguments of execve are only copied; the rest is continued.
// No policy, no record, no threads, no error handling.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#define NOTIFY(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

static int install(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      NOTIFY(SYS_unlinkat), NOTIFY(SYS_unlink), NOTIFY(SYS_rmdir), NOTIFY(SYS_mkdirat), NOTIFY(SYS_mkdir),
      NOTIFY(SYS_renameat2), NOTIFY(SYS_renameat), NOTIFY(SYS_rename), NOTIFY(SYS_linkat), NOTIFY(SYS_symlinkat),
      NOTIFY(SYS_fchmodat), NOTIFY(SYS_fchmod), NOTIFY(SYS_chmod), NOTIFY(SYS_fchownat), NOTIFY(SYS_utimensat),
      NOTIFY(SYS_execve), NOTIFY(SYS_chdir), NOTIFY(SYS_fchdir),
      // openat that writes or creates
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof code / sizeof code[0], code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | (1UL << 5), &program);
}

// What is kept between calls: the caller's process, its working directory, and the folder of the last name below it.
static pid_t caller;
static int process = -1, cwd = -1, folder = -1;
static struct statx held;

static bool alive(int listener, const struct seccomp_notif* request) {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request->id) == 0;
}

static bool copy(pid_t tid, unsigned long long from, char* to, size_t size) {
  // What follows a string in its page is read with it, never the page behind: that one may not be there.
  const size_t page = 4096 - from % 4096;
  struct iovec ours = {to, size - 1}, theirs = {(void*)from, size - 1 < page ? size - 1 : page};
  const ssize_t got = process_vm_readv(tid, &ours, 1, &theirs, 1, 0);
  if (got <= 0) return false;
  to[got] = 0;
  return memchr(to, 0, (size_t)got) != NULL;
}

static bool same(const struct statx* one, const struct statx* other) {
  return one->stx_ino == other->stx_ino && one->stx_dev_minor == other->stx_dev_minor && one->stx_mnt_id == other->stx_mnt_id;
}

// The folder that is meant, held; *name becomes the name in it.
static int hold_folder(pid_t tid, int given, char** name) {
  if (tid != caller) {
    close(process);
    close(cwd);
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/cwd", tid);
    cwd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
    process = (int)syscall(SYS_pidfd_open, tid, O_EXCL);  // PIDFD_THREAD, Linux 6.9
    if (process < 0) process = (int)syscall(SYS_pidfd_open, tid, 0);
    caller = process < 0 ? 0 : tid;
  }
  char* const slash = strrchr(*name, '/');
  if (slash == *name) return -1;
  struct statx now;
  const unsigned mask = STATX_TYPE | STATX_INO | 0x1000;  // and the mount
  int from = given == AT_FDCWD ? cwd : (int)syscall(SYS_pidfd_getfd, process, given, 0);
  const char* below = "";
  if (slash != NULL) {
    *slash = 0;
    below = *name;
    *name = slash + 1;
  }
  bool known = statx(from, below, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, mask, &now) == 0 && folder >= 0 && same(&now, &held);
  if (!known) {
    const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    close(folder);
    folder = (int)syscall(SYS_openat2, from, *below ? below : ".", &how, sizeof how);
    known = folder >= 0 && statx(folder, "", AT_EMPTY_PATH, mask, &held) == 0;
  }
  if (given != AT_FDCWD) close(from);
  return known ? folder : -1;
}

// True where it was done; else the kernel does it.
static bool act(int listener, const struct seccomp_notif* request, struct seccomp_notif_resp* response) {
  const unsigned long long* arguments = request->data.args;
  const pid_t tid = (pid_t)request->pid;
  char words[4096];
  if (request->data.nr == SYS_chdir || request->data.nr == SYS_fchdir) caller = 0;
  if (request->data.nr == SYS_execve) {
    unsigned long long argv[64] = {0};
    struct iovec ours = {argv, sizeof argv}, theirs = {(void*)arguments[1], sizeof argv};
    if (!copy(tid, arguments[0], words, 256) || process_vm_readv(tid, &ours, 1, &theirs, 1, 0) <= 0) return false;
    copy(tid, argv[0], words, sizeof words);
    return false;
  }
  const bool removes = request->data.nr == SYS_unlinkat;
  if (!removes && !(request->data.nr == SYS_openat && (arguments[2] & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))) return false;
  char* name = words;
  if (!copy(tid, arguments[1], words, 256) || !alive(listener, request)) return false;
  const int in = hold_folder(tid, (int)arguments[0], &name);
  struct statx object;
  if (in < 0 || !alive(listener, request)) return false;
  const int looked = statx(in, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &object);
  if (removes) {
    if (looked == 0) response->error = unlinkat(in, name, (int)arguments[2]) == 0 ? 0 : -errno;
    return looked == 0;
  }
  const int made = looked == 0 ? -1 : openat(in, name, (int)arguments[2] | O_NOFOLLOW | O_CLOEXEC, (mode_t)arguments[3]);
  if (made < 0) return false;
  cpu_set_t before, only;  // the caller takes the descriptor on this processor, not on one that must be woken
  CPU_ZERO(&only);
  CPU_SET(sched_getcpu(), &only);
  sched_getaffinity(tid, sizeof before, &before);
  sched_setaffinity(tid, sizeof only, &only);
  struct seccomp_notif_addfd give = {.id = request->id, .srcfd = (unsigned)made};
  response->val = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);
  sched_setaffinity(tid, sizeof before, &before);
  close(made);
  return true;
}

int main(int count, char** words) {
  int pair[2];
  const bool acts = count > 1 && strcmp(words[1], "--act") == 0;
  words += acts;
  count -= acts;
  if (count < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 2;
  const pid_t child = fork();
  if (child == 0) {
    const int listener = install();
    char control[CMSG_SPACE(sizeof(int))] = {0};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &listener, sizeof listener);
    if (listener < 0 || sendmsg(pair[1], &message, 0) != 1) _exit(125);
    close(listener);
    close(pair[0]);
    close(pair[1]);
    execvp(words[1], words + 1);
    _exit(127);
  }
  close(pair[1]);
  char control[CMSG_SPACE(sizeof(int))];
  char byte;
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(pair[0], &message, 0) != 1) return 125;
  int listener;
  memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
  ioctl(listener, _IOW('!', 4, unsigned long long), 1UL);
  for (;;) {
    struct seccomp_notif request = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
      if (errno == EINTR) continue;
      if (waitpid(child, NULL, WNOHANG) != 0) return 0;
      continue;
    }
    struct seccomp_notif_resp response = {.id = request.id};
    if (!acts || !act(listener, &request, &response)) response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}
