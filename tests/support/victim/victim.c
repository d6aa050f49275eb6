#define _GNU_SOURCE
#include "victim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

long tell(const char* name, long result) {
  if (result >= 0) {
    printf("%s ok\n", name);
  } else {
    printf("%s %d %s\n", name, errno, strerrorname_np(errno) ? strerrorname_np(errno) : "?");
  }
  fflush(stdout);
  return result;
}

long raw(long nr, long a, long b, long c, long d, long e, long f) {
  const long result = syscall(nr, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
}

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    int (*run)(int, char**);
  } kMains[] = {{"race", race_main},       {"swap", swap_main}, {"act", single_main}, {"kernel", kernel_main},
                {"process", process_main}, {"spy", spy_main},   {"vault", vault_main},
                {"reuse", reuse_main},     {"stall", stall_main}};
  for (unsigned i = 0; argc > 1 && i < sizeof kMains / sizeof kMains[0]; ++i) {
    if (strcmp(argv[1], kMains[i].name) == 0) return kMains[i].run(argc - 2, argv + 2);
  }
  fprintf(stderr, "victim: unknown attack\n");
  return 2;
}
