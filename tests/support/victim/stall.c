// Sets a trap for whoever carries out its calls, walks into it, and looks whether another call is still answered.
//   stall HOW FILE [self], HOW: lease, connect, terminal, linger.  FILE: what was there before.  self: the trap is not
//   set for another
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victim.h"

static const double kPatience = 10;

static atomic_int answered;
static void* other_call(void* unused) {
  (void)unused;
  syscall(SYS_mkdirat, AT_FDCWD, "own-folder", 0700);
  syscall(SYS_unlinkat, AT_FDCWD, "own-folder", AT_REMOVEDIR);
  answered = 1;
  return NULL;
}

static int fd_of_trap = -1;
static atomic_int walked_in;
static int self;
static void* close_trap(void* unused) {
  (void)unused;
  close(fd_of_trap);
  walked_in = 1;
  return NULL;
}

// Whether another thread's call comes back although the trap is not opened.
static int others_are_answered(void) {
  pthread_t thread;
  answered = 0;
  if (pthread_create(&thread, NULL, other_call, NULL) != 0) return 0;
  pthread_detach(thread);
  const double end = now() + kPatience;
  while (!answered && now() < end) syscall(SYS_poll, NULL, 0, 5);
  return answered;
}

static const char* file;
static void* walk_in(void* what) {
  if (strcmp(what, "lease") == 0) {
    tell("truncate", syscall(SYS_truncate, file, 1));
  } else if (strcmp(what, "self") == 0) {
    static char bytes[512];
    tell("write", syscall(SYS_write, 2, bytes, sizeof bytes));
  } else {
    tell("delete", syscall(SYS_unlinkat, AT_FDCWD, file, 0));  // a denied call is told on descriptor 2
  }
  walked_in = 1;
  return NULL;
}

static void interrupted(int number) { (void)number; }

static int lease(void) {
  // The lease is this process's own; whoever truncates waits for it, up to 45 s.
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY, 0);
  signal(SIGIO, SIG_IGN);
  if (tell("lease", syscall(SYS_fcntl, fd, F_SETLEASE, F_RDLCK)) < 0) return 2;
  struct sigaction action = {.sa_handler = interrupted};
  sigaction(SIGALRM, &action, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, walk_in, "lease");
  // Who is not kept waiting comes back before anybody lets go.
  const double end = now() + 2;
  while (!walked_in && now() < end) syscall(SYS_poll, NULL, 0, 5);
  printf("waited=%d\n", !walked_in);
  printf("others=%d\n", others_are_answered());
  fflush(stdout);
  syscall(SYS_fcntl, fd, F_SETLEASE, F_UNLCK);
  pthread_join(thread, NULL);
  return 0;
}

// A program without assent stands still itself, so for the control the trap is opened from a thread of its own.
static void (*open_trap)(void);
static void* let_go_later(void* unused) {
  (void)unused;
  const double end = now() + (self ? 1 : kPatience + 2);
  while (now() < end && !walked_in) syscall(SYS_poll, NULL, 0, 20);
  if (!walked_in) {
    printf("stuck=1\n");
    fflush(stdout);
    open_trap();
  }
  return NULL;
}

static int walk_in_and_look(void) {
  pthread_t thread, helper;
  pthread_create(&helper, NULL, let_go_later, NULL);
  pthread_create(&thread, NULL, walk_in, self ? "self" : "delete");
  syscall(SYS_poll, NULL, 0, 300);
  printf("others=%d\n", others_are_answered());
  fflush(stdout);
  pthread_join(thread, NULL);
  pthread_join(helper, NULL);
  return 0;
}

static void read_trap(void) {
  char bytes[65536];
  for (int i = 0; i < 100; ++i) {
    struct pollfd ready = {fd_of_trap, POLLIN, 0};
    if (poll(&ready, 1, 50) <= 0) return;
    if (syscall(SYS_read, fd_of_trap, bytes, sizeof bytes) <= 0) return;
  }
}

// Descriptor 2 has room for a few bytes, and nobody reads at the other end.
static int terminal(void) {
  const int master = (int)syscall(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY, 0);
  int unlock = 0, number = 0;
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) != 0 || ioctl(master, TIOCGPTN, &number) != 0) return 2;
  char name[64];
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  const int slave = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
  if (tell("terminal", slave) < 0) return 2;
  static char bytes[4096];
  memset(bytes, 'x', sizeof bytes);
  struct pollfd ready = {slave, POLLOUT, 0};
  // The kernel gives room back in pieces, of one size but for the first. One is measured byte by byte, the next is
  // filled all but a few bytes.
  while (syscall(SYS_write, slave, bytes, sizeof bytes) > 0) continue;
  long room = 0, left = 0;
  for (int piece = 0; piece < 3; ++piece) {
    while (poll(&ready, 1, 2) == 0) {
      if (syscall(SYS_read, master, bytes, 16) <= 0) return 2;
    }
    left = piece == 2 ? room - 20 : 1000000;
    room = 0;
    while (left-- > 0 && syscall(SYS_write, slave, bytes, 1) > 0) ++room;
  }
  printf("room=%ld\n", room);
  fcntl(slave, F_SETFL, fcntl(slave, F_GETFL) & ~O_NONBLOCK);
  if (dup2(slave, 2) < 0) return 2;
  fd_of_trap = master;
  open_trap = read_trap;
  return walk_in_and_look();
}

static atomic_int toggling = 1;
static void* toggle(void* socket_number) {
  const int fd = *(int*)socket_number;
  const int flags = fcntl(fd, F_GETFL);
  while (toggling) {
    syscall(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
    syscall(SYS_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  return NULL;
}

static struct sockaddr_un listener_address = {.sun_family = AF_UNIX, .sun_path = "\0own listener"};
static const socklen_t kLength = offsetof(struct sockaddr_un, sun_path) + 13;
static atomic_long connects;
static void* connect_on(void* socket_number) {
  while (toggling) {
    syscall(SYS_connect, *(int*)socket_number, &listener_address, kLength);
    ++connects;
  }
  return NULL;
}

// A socket that does not wait when it is looked at, and waits when it is connected to a listener whose queue is full.
static int connecting(void) {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&listener_address, kLength) != 0 || listen(listener, 0) != 0) return 2;
  const int first = socket(AF_UNIX, SOCK_STREAM, 0);
  if (tell("first", connect(first, (struct sockaddr*)&listener_address, kLength)) < 0) return 2;
  static int fd;
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  pthread_t toggler, connector;
  pthread_create(&toggler, NULL, toggle, &fd);
  pthread_create(&connector, NULL, connect_on, &fd);
  long last = -1;
  const double end = now() + kPatience;
  while (connects != last && now() < end) {
    last = connects;
    syscall(SYS_poll, NULL, 0, 200);
  }
  printf("waits=%d\n", connects == last);
  printf("others=%d\n", others_are_answered());
  fflush(stdout);
  toggling = 0;
  close(listener);  // whoever waits for it is refused
  pthread_join(connector, NULL);
  return 0;
}

// The last one to close a connection with unsent bytes waits for them (SO_LINGER). Another thread's call takes a copy
// of the descriptor for a moment, and this one closes in that moment.
static atomic_int lingering = -1;
static void* call_on_it(void* unused) {
  (void)unused;
  while (toggling) {
    const int fd = lingering;
    if (fd >= 0) {
      syscall(SYS_listen, fd, 1);
      ++connects;
    }
  }
  return NULL;
}

static atomic_int closing = -1;
static atomic_long delay;
static void* close_it(void* listener) {
  while (toggling) {
    const int fd = closing;
    if (fd < 0) continue;
    const long before = connects;
    while (connects == before && toggling && lingering >= 0) continue;
    for (long i = delay; i > 0; --i) __asm__ volatile("" ::: "memory");
    dup2(*(int*)listener, fd);
    closing = -1;
  }
  return NULL;
}

static int linger(void) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, length) != 0 || listen(listener, 8) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &length) != 0)
    return 2;
  pthread_t caller, closer_thread;
  pthread_create(&caller, NULL, call_on_it, NULL);
  static int in_its_place;
  in_its_place = listener;
  pthread_create(&closer_thread, NULL, close_it, &in_its_place);
  static char bytes[65536];
  int others = 1;
  long rounds = 0;
  const double end = now() + 3;
  for (; now() < end && others; ++rounds) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr*)&address, length) != 0) return 2;
    const int other = accept(listener, NULL, NULL);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (syscall(SYS_write, fd, bytes, sizeof bytes) > 0) continue;
    const struct linger forever = {1, 3600};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &forever, sizeof forever);
    if (self) {  // who closes last waits
      fd_of_trap = fd;
      pthread_t closer;
      pthread_create(&closer, NULL, close_trap, NULL);
      syscall(SYS_poll, NULL, 0, 500);
      printf("stuck=%d\n", !walked_in);
      fflush(stdout);
      close(other);
      pthread_join(closer, NULL);
      break;
    }
    delay = rounds * 997 % 60000;
    lingering = fd;
    closing = fd;
    syscall(SYS_poll, NULL, 0, 2);
    lingering = -1;
    others = others_are_answered();
    close(other);  // with bytes unread: whoever waits is reset
    while (closing >= 0) syscall(SYS_poll, NULL, 0, 1);
    close(fd);
  }
  printf("rounds=%ld\nothers=%d\n", rounds, others);
  fflush(stdout);
  syscall(SYS_exit_group, 0);
  return 0;
}

int stall_main(int argc, char** argv) {
  if (argc < 2) return 2;
  file = argv[1];
  self = argc > 2;
  if (strcmp(argv[0], "lease") == 0) return lease();
  if (strcmp(argv[0], "terminal") == 0) return terminal();
  if (strcmp(argv[0], "connect") == 0) return connecting();
  if (strcmp(argv[0], "linger") == 0) return linger();
  return 2;
}
