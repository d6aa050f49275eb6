// Stage: what the processes inside tell the supervisor while the sandbox is built. The memory is shared, so a child
// that was cloned without exec can write an exact account without allocating.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "assent/result.h"

namespace assent::launch {

struct Orders;

// The steps, in their order. Each has its words in stage.cpp.

enum class At : std::uint32_t {
  Start,
  ParentDeath,
  GroupMap,
  UserMap,
  TakeEarly,
  LockDown,
  OpenFolder,
  MakePlace,
  NewTmpfs,
  NewProc,
  NewDevpts,
  AttachMount,
  MountId,
  Seal,
  Loopback,
  HostName,
  Capabilities,
  NoNewPrivileges,
  ForkAgent,
  Terminal,
  Stdio,
  Directory,
  Landlock,
  FloorCheck,
  Filter,
  HandOver,
};

// Written by one process at a time; read by the supervisor after the message that says so.
struct Stage {
  At at = At::Start;
  int code = 0;                      // errno
  char object[512] = {};             // what the step was about
  int landlock_abi = 0;              // 0: none
  bool landlock_tried = false;       // a write that only Landlock could refuse was refused
  bool nested_users_closed = false;  // no further user namespaces can be made inside
  bool relay_routes = false;         // add_relay_routes
  bool host_speaks_ipv6 = false;     // programs here would be given IPv6 addresses
  const Orders* orders = nullptr;    // in memory shared with the supervisor; there once it has sent them
  std::uint64_t pid_namespace = 0;
  pid_t agent_inner_pid = 0;
};

// What pid 1 and the agent (before its exec) send. One datagram each.
struct Message {
  enum class Kind : std::uint32_t { Begun, Ready, Failed, ExecFailed, Exited, Killed, Stopped, Continued };
  Kind kind = Kind::Failed;
  std::int32_t value = 0;  // exit status, signal, errno
  std::int32_t core = 0;
  std::int32_t alone = 0;  // Exited, Killed: nobody else is left inside
};

// The sentence for a failure at this step, with what to do next.
Error describe_failure(At at, int code, const std::string& object);

}  // namespace assent::launch
