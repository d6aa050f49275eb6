// continue_supervisor COMMAND...: the limit that a supervisor can reach: every call that assent gates is notified,
// received, and continued in the kernel, with SYNC_WAKE_UP, and nothing else is done. Protects nothing.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

int main(int count, char** words) {
  int pair[2];
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
    struct seccomp_notif_resp response = {.id = request.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}
