// victim: a small static program that does one attack. It makes its system calls through syscall(2), so that nothing
// depends on what a C library does, and tells on standard output what each call came to. It knows nothing of assent:
// the same program run without it is the control.
#pragma once

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// Numbers that the headers of Debian 12 lack.
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif

// Prints "NAME ok" or "NAME ERRNO-NUMBER NAME-OF-ERRNO"; returns the result.
long tell(const char* name, long result);
// A result, with errno kept as a negative number.
long raw(long nr, long a, long b, long c, long d, long e, long f);
double now(void);

// Each gets what follows its name on the command line.
int race_main(int argc, char** argv);     // race OP thread|process OWN FOREIGN SECONDS
int swap_main(int argc, char** argv);     // swap-parent|chdir-race|dup-race ...
int single_main(int argc, char** argv);   // act NAME ...: one attempt, one line for each call
int kernel_main(int argc, char** argv);   // deny-list, io-uring, int80, x32, listener, ...
int process_main(int argc, char** argv);  // storms of signals, processes, killing
int spy_main(int argc, char** argv);      // reading what is hidden
int vault_main(int argc, char** argv);    // vault HOW FILE: changing what was deleted
int reuse_main(int argc, char** argv);    // reuse HOW FOLDER SECONDS: passing for what the session made
int stall_main(int argc, char** argv);    // stall HOW ...: keeping whoever acts for it waiting
