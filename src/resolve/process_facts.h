// What the kernel tells of a process: /proc and pidfds. Texts are read whole and at once; nothing in here is cached.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"

namespace assent::resolve {

struct StatusFacts {  // /proc/TID/status: one read gives all of them
  std::string name;   // the short command name, as the kernel escapes it
  pid_t tgid = 0;
  pid_t parent = 0;     // process id of the parent, as we count
  pid_t inner_pid = 0;  // as the innermost pid namespace counts
  pid_t inner_tid = 0;
  int depth = 0;  // how many pid namespaces count the process
  mode_t umask = 022;
};

// False once the process (or the thread, with PIDFD_THREAD) has exited.
bool is_alive(int pidfd);

Result<StatusFacts> parse_status(std::string_view text);
Result<StatusFacts> read_status(int proc, pid_t tid);  // `proc`: descriptor of our own /proc

// What PIDFD_GET_INFO tells (Linux 6.13): the numbers alone, at a fraction of the cost of a status file.
struct PidfdFacts {
  pid_t tid = 0;
  pid_t tgid = 0;
  pid_t parent = 0;
};
Result<PidfdFacts> ask_pidfd(int pidfd);

// Whether the thread is seen waiting in a system call other than execve. No where it cannot be told.
bool waits_elsewhere(int proc, pid_t tid);

// The short command name (/proc/PID/comm), escaped as in the status file.
Result<std::string> read_name(int proc, pid_t pid);

struct ImageFacts {
  std::string exe;
  std::vector<std::string> argv;  // at most kMaxCommandLine bytes of it
  std::string cwd;
};
inline constexpr std::size_t kMaxCommandLine = 256 * 1024;
ImageFacts read_image(int proc, pid_t tid);  // what cannot be read stays empty

std::vector<std::string> split_command_line(std::string_view bytes);

// The process id, as we count, of the process (or thread) `inner` of the agent's: `reference` is any thread of the
// agent's that is alive. ESRCH where there is none; so a number can only ever mean a process of this sandbox.
enum class Which { Process, Thread };
Result<pid_t> outer_pid(int proc, pid_t reference, pid_t inner, Which which);
// What outer_pid does before Linux 6.11: a look at every process of the machine.
Result<pid_t> search_outer_pid(int proc, pid_t reference, pid_t inner, Which which);

}  // namespace assent::resolve
