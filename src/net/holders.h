// Which descriptors of a process stand for a socket, and where it waits on them with epoll. Looked up when a socket is
// about to be replaced by another: every one of them has to be.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "assent/reply.h"
#include "assent/result.h"

namespace assent::net {

struct Holder {
  int number = -1;
  CloseOnExec close_on_exec = CloseOnExec::No;
};

struct Registration {
  int epoll = -1;   // number of the epoll descriptor
  int number = -1;  // number under which the socket was registered
  std::uint32_t events = 0;
  std::uint64_t data = 0;
};

struct Holders {
  std::vector<Holder> descriptors;
  std::vector<Registration> registrations;
};

// `proc`: our /proc. `inode`: of the socket. ESRCH where the thread is gone.
Result<Holders> holders(int proc, pid_t tid, std::uint64_t inode);

struct Move {
  int epoll = -1;  // a duplicate of the epoll descriptor
  Registration registration;
};
// Registers `replacement` in the place of `original` as if the agent had. epoll keys what it watches by open file and
// number, so a thread with a descriptor table of its own calls it under that number. 0, or the first errno.
int move_registrations(const std::vector<Move>& moves, int original, int replacement);

}  // namespace assent::net
