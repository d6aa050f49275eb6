// Other doors into the kernel: foreign call numbers, io_uring, calls that no agent needs, what guards the guard.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "victim.h"

static int io_uring_unlink(const char* file) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  const int ring = (int)tell("setup", syscall(SYS_io_uring_setup, 2, &p));
  if (ring < 0) return 0;
  const size_t sq_size = p.sq_off.array + p.sq_entries * 4, cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  const size_t size = sq_size > cq_size ? sq_size : cq_size;
  char* rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe* sqe = mmap(NULL, p.sq_entries * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (rings == MAP_FAILED || sqe == MAP_FAILED) return 3;
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = IORING_OP_UNLINKAT;
  sqe->fd = AT_FDCWD;
  sqe->addr = (unsigned long)file;
  ((unsigned*)(rings + p.sq_off.array))[0] = 0;
  __atomic_store_n((unsigned*)(rings + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  tell("enter", syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
  return 0;
}

// A call by the 32-bit gate; its pointers must lie below 4 GiB.
static int int80_unlink(const char* file) {
  char* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) return 3;
  strncpy(low, file, 4095);
  long result = 10;  // unlink of i386
  __asm__ volatile("int $0x80" : "+a"(result) : "b"(low), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
  result = (int)result;
  errno = result < 0 ? (int)-result : 0;
  tell("int80", result < 0 ? -1 : 0);
  return 0;
}

static int x32_unlink(const char* file) {
  tell("x32", syscall(SYS_unlink | 0x40000000, file));
  tell("x32-openat", syscall(SYS_openat | 0x40000000, AT_FDCWD, file, O_WRONLY | O_TRUNC));
  return 0;
}

static pid_t sibling(void) {
  const pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  return child;
}

// Each call with arguments that the kernel, where it gets to see them, answers otherwise than a filter would.
static int deny_list(void) {
  char stack[256] = "", buffer[256] = "";
  const pid_t other = sibling();
  struct iovec bytes = {buffer, 1};
  unsigned long ours = 0;
  struct iovec theirs = {&ours, 1};
  tell("ptrace-attach", syscall(SYS_ptrace, PTRACE_ATTACH, other, 0, 0));
  tell("ptrace-seize", syscall(SYS_ptrace, 0x4206, other, 0, 0));
  tell("process_vm_writev", syscall(SYS_process_vm_writev, other, &bytes, 1, &theirs, 1, 0));
  tell("bpf", syscall(SYS_bpf, 9999, stack, 0));
  tell("userfaultfd", syscall(SYS_userfaultfd, 1));
  tell("mount", syscall(SYS_mount, "none", "/nowhere-at-all", "tmpfs", 0, 0));
  tell("umount2", syscall(SYS_umount2, "/nowhere-at-all", 0));
  tell("pivot_root", syscall(SYS_pivot_root, "/nowhere-at-all", "/nowhere-at-all"));
  tell("chroot", syscall(SYS_chroot, "/nowhere-at-all"));
  tell("fsopen", syscall(SYS_fsopen, "no-such-filesystem", 0));
  tell("fsmount", syscall(SYS_fsmount, -1, 0, 0));
  tell("fspick", syscall(SYS_fspick, AT_FDCWD, "/nowhere-at-all", 0));
  tell("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/nowhere-at-all", 0));
  tell("open_tree_attr", syscall(467, AT_FDCWD, "/nowhere-at-all", 0, 0, 0));
  tell("move_mount", syscall(SYS_move_mount, -1, "", -1, "", 0));
  tell("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/nowhere-at-all", 0, stack, 32));
  tell("setns", syscall(SYS_setns, -1, 0));
  tell("unshare-user", syscall(SYS_unshare, CLONE_NEWUSER));
  tell("unshare-mount", syscall(SYS_unshare, CLONE_NEWNS));
  tell("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, buffer, 0));
  tell("add_key", syscall(SYS_add_key, "user", "attack", "x", 1, -3));
  tell("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  tell("request_key", syscall(SYS_request_key, "user", "attack", 0, -3));
  tell("perf_event_open", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0));
  tell("clone-newuser", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD | CLONE_THREAD, 0, 0, 0, 0));
  tell("clone-newns", syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
  tell("clone3", syscall(SYS_clone3, 0, 0));
  tell("kexec_load", syscall(SYS_kexec_load, 0, 999, 0, 0));
  tell("init_module", syscall(SYS_init_module, 0, 0, 0));
  tell("fanotify_init", syscall(SYS_fanotify_init, 0x80000000U, 0));
  tell("socket-vsock", syscall(SYS_socket, 40, 1, 0));
  tell("socket-packet", syscall(SYS_socket, 17, 3, 0));
  tell("socket-raw", syscall(SYS_socket, 2, 3, 1));
  tell("socket-alg", syscall(SYS_socket, 38, 5, 0));
  tell("socket-mptcp", syscall(SYS_socket, 2, 1, 262));
  tell("socket-netlink-audit", syscall(SYS_socket, 16, 3, 9));
  tell("unknown-call", syscall(9999));
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  return 0;
}

static int listener(void) {
  // Whether a notification descriptor can be found in any process, or taken out of one.
  for (int pid = 1; pid < 300; ++pid) {
    for (int fd = 0; fd < 64; ++fd) {
      char path[64], target[128] = "";
      snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
      if (syscall(SYS_readlink, path, target, sizeof target - 1) > 0 && strstr(target, "seccomp") != NULL) printf("found %s %s\n", path, target);
    }
  }
  const int first = (int)tell("pidfd_open", syscall(SYS_pidfd_open, 1, 0));
  for (int fd = 0; first >= 0 && fd < 64; ++fd) {
    const long got = syscall(SYS_pidfd_getfd, first, fd, 0);
    if (got >= 0) printf("stolen %d\n", fd);
  }
  struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  tell("second-listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
  tell("second-listener-tsync", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, &program));
  tell("own-filter", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
  return 0;
}

static int terminal(void) {
  tell("tiocsti", syscall(SYS_ioctl, 0, TIOCSTI, "x"));
  tell("tiocsti-high", syscall(SYS_ioctl, 0, TIOCSTI | (1L << 40), "x"));
  char paste = 3;
  tell("tioclinux", syscall(SYS_ioctl, 0, TIOCLINUX, &paste));
  return 0;
}

static int memory_of_others(void) {
  const pid_t other = sibling();
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", other);
  tell("sibling-mem", syscall(SYS_open, path, O_RDWR));
  const int fd = (int)syscall(SYS_open, path, O_WRONLY);
  if (fd >= 0) tell("sibling-write", syscall(SYS_pwrite64, fd, "x", 1, (long)&path));
  tell("pid1-mem", syscall(SYS_open, "/proc/1/mem", O_RDWR));
  tell("pid1-environ", syscall(SYS_open, "/proc/1/environ", O_RDONLY));
  tell("sysctl", syscall(SYS_open, "/proc/sys/kernel/hostname", O_WRONLY));
  tell("core-pattern", syscall(SYS_open, "/proc/sys/kernel/core_pattern", O_WRONLY));
  tell("sysrq", syscall(SYS_open, "/proc/sysrq-trigger", O_WRONLY));
  tell("oom", syscall(SYS_open, "/proc/1/oom_score_adj", O_WRONLY));
  tell("uid-map", syscall(SYS_open, "/proc/self/uid_map", O_WRONLY));
  tell("sys", syscall(SYS_open, "/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY));
  tell("cgroup", syscall(SYS_open, "/sys/fs/cgroup/cgroup.procs", O_WRONLY));
  tell("dev-mem", syscall(SYS_open, "/dev/mem", O_RDWR));
  tell("dev-kmsg", syscall(SYS_open, "/dev/kmsg", O_WRONLY));
  tell("dev-vda", syscall(SYS_open, "/dev/vda", O_RDONLY));
  tell("mknod-disk", syscall(SYS_mknod, "own-disk", 0060000 | 0600, (long)((254 << 8) | 0)));
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  return 0;
}

int kernel_main(int argc, char** argv) {
  const char* what = argc > 0 ? argv[0] : "";
  const char* file = argc > 1 ? argv[1] : "";
  if (strcmp(what, "io-uring") == 0) return io_uring_unlink(file);
  if (strcmp(what, "int80") == 0) return int80_unlink(file);
  if (strcmp(what, "x32") == 0) return x32_unlink(file);
  if (strcmp(what, "deny-list") == 0) return deny_list();
  if (strcmp(what, "listener") == 0) return listener();
  if (strcmp(what, "terminal") == 0) return terminal();
  if (strcmp(what, "memory") == 0) return memory_of_others();
  return 2;
}
