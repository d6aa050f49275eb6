// Signals in the middle of calls, many processes, processes that outlive their parent, and killing the guard.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "victim.h"

static volatile long g_signals;
static void count(int number) {
  (void)number;
  ++g_signals;
}

// A signal that comes before the supervisor has received the call makes the kernel give up the call: it is made again
// where the handler says SA_RESTART, and EINTR where it does not. Then it was not done, so it is made again here.
static long again(long nr, long a, long b, long c, long d) {
  for (;;) {
    const long result = raw(nr, a, b, c, d, 0, 0);
    if (result != -EINTR) return result;
  }
}
#define P(text) ((long)(text))

// Every call must be done exactly once: done twice, a creation says EEXIST and a removal ENOENT.
static int storm(int rounds, int restart) {
  struct sigaction action = {.sa_handler = count, .sa_flags = restart ? SA_RESTART : 0};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &often, NULL);
  long wrong = 0;
  for (int i = 0; i < rounds; ++i) {
    const long fd = again(SYS_openat, AT_FDCWD, P("own-storm"), O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) ++wrong;
    else syscall(SYS_close, fd);
    if (again(SYS_rename, P("own-storm"), P("own-moved"), 0, 0) != 0) ++wrong;
    if (again(SYS_link, P("own-moved"), P("own-second"), 0, 0) != 0) ++wrong;
    if (again(SYS_unlink, P("own-second"), 0, 0, 0) != 0) ++wrong;
    if (again(SYS_unlinkat, AT_FDCWD, P("own-moved"), 0, 0) != 0) ++wrong;
    if (again(SYS_mkdir, P("own-folder"), 0755, 0, 0) != 0) ++wrong;
    if (again(SYS_rmdir, P("own-folder"), 0, 0, 0) != 0) ++wrong;
  }
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  printf("wrong=%ld signals=%ld\n", wrong, g_signals);
  return 0;
}

// Leaves processes behind that have left the session and ignore what they can.
static int leave_behind(int how_many) {
  for (int i = 0; i < how_many; ++i) {
    if (syscall(SYS_fork) == 0) {
      syscall(SYS_setsid);
      for (int number = 1; number < 32; ++number) signal(number, SIG_IGN);
      if (syscall(SYS_fork) != 0) syscall(SYS_exit_group, 0);
      for (;;) sleep(60);
    }
  }
  printf("left\n");
  return 0;
}

static int kill_guards(void) {
  if (syscall(SYS_getpid) > 1000) return 3;  // not in a small world of its own: it would end the machine
  tell("kill-pid1", syscall(SYS_kill, 1, SIGKILL));
  tell("stop-pid1", syscall(SYS_kill, 1, SIGSTOP));
  tell("tgkill-pid1", syscall(SYS_tgkill, 1, 1, SIGKILL));
  tell("kill-parent", syscall(SYS_getppid) > 1 ? syscall(SYS_kill, syscall(SYS_getppid), 0) : 0);
  long hit = 0;
  for (long pid = 2; pid < 70000; ++pid) {
    if (pid == syscall(SYS_getpid) || pid == syscall(SYS_getppid)) continue;
    if (syscall(SYS_kill, pid, SIGKILL) == 0) ++hit;
  }
  printf("hit=%ld\n", hit);
  signal(SIGTERM, SIG_IGN);
  return 0;
}

// Makes and removes own files, and tries foreign ones in between, until it is ended.
static int delete_storm(int argc, char** argv) {
  for (long round = 0;; ++round) {
    char own[64];
    snprintf(own, sizeof own, "own-%ld", round % 32);
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, own, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd >= 0) {
      if (write(fd, "own", 3) < 0) return 3;
      syscall(SYS_close, fd);
    }
    syscall(SYS_rename, own, "own-moved");
    syscall(SYS_unlink, own);
    syscall(SYS_unlink, "own-moved");
    for (int i = 0; i < argc; ++i) {
      syscall(SYS_unlink, argv[i]);
      syscall(SYS_truncate, argv[i], 0L);
      syscall(SYS_rename, argv[i], "own-moved");
    }
  }
}

int process_main(int argc, char** argv) {
  const char* what = argc > 0 ? argv[0] : "";
  if (strcmp(what, "storm") == 0 && argc > 2) return storm(atoi(argv[1]), atoi(argv[2]));
  if (strcmp(what, "leave") == 0 && argc > 1) return leave_behind(atoi(argv[1]));
  if (strcmp(what, "kill-guards") == 0) return kill_guards();
  if (strcmp(what, "delete-storm") == 0) return delete_storm(argc - 1, argv + 1);
  return 2;
}
