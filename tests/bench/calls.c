// calls OP N [THREADS]: makes N calls (shared among the threads) in the working directory, prints "seconds count".
//   unlink: files made before the clock starts · create: open(O_CREAT|O_EXCL)+close · chmod · nothing: getppid
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char* op;
static int each;
static pthread_barrier_t start;

static int make(const char* name) {
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (fd < 0) return -1;
  return (int)syscall(SYS_close, fd);
}

static void* work(void* argument) {
  const long thread = (long)argument;
  char name[64];
  snprintf(name, sizeof name, "d%ld", thread);
  if (mkdir(name, 0755) != 0) exit(3);
  if (strcmp(op, "unlink") == 0) {
    for (int i = 0; i < each; i++) {
      snprintf(name, sizeof name, "d%ld/f%d", thread, i);
      if (make(name) != 0) exit(3);
    }
  }
  pthread_barrier_wait(&start);
  for (int i = 0; i < each; i++) {
    snprintf(name, sizeof name, "d%ld/f%d", thread, i);
    if (strcmp(op, "unlink") == 0 && syscall(SYS_unlinkat, AT_FDCWD, name, 0) != 0) exit(4);
    if (strcmp(op, "create") == 0 && make(name) != 0) exit(4);
  }
  return NULL;
}

int main(int count, char** words) {
  if (count < 3) return 2;
  op = words[1];
  const int threads = count > 3 ? atoi(words[3]) : 1;
  each = atoi(words[2]) / threads;
  pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
  pthread_t ids[64];
  for (long i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, (void*)i);
  struct timespec a, b;
  pthread_barrier_wait(&start);
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%.9f %d\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9, each * threads);
  return 0;
}
