// launch: builds the sandbox, the floor under an agent, and starts the agent in it.
//   In:  a Spec (the layout of the machine as the agent shall see it, the program, the seccomp filter).
//   Out: a Sandbox: the notification listener, the processes, the agent's root, its mounts by id with their zones, the
//        Floor that mints FloorProofs, and what becomes of the agent.
//   It never decides about a call, never reads the agent's memory, never writes to the host's files, and never lets the
//   agent's program begin before go(). Nothing weaker than what was asked for is started silently: the floor tries
//   itself before the program begins (floor_check.h), and what this kernel lacks stands in floor().facts().
//
// The order: a short-lived child, the opener, makes new user, mount, pid, network, IPC, UTS and cgroup namespaces, and
// in them pid 1, as its own sister. That one maps the user's own uid and gid, raises the network, and waits for its
// orders. Then it takes what must stay writable, makes everything read-only, builds the layout, gives up all rights,
// forks the agent, and from then on only reaps. The agent binds itself with Landlock, tries the floor, installs the
// filter, hands the listener over and waits for go().
//
// Whose life hangs on whose: pid 1 dies with the thread that called begin() (PR_SET_PDEATHSIG is the thread's, so call
// it from one that lives as long as the supervisor), everything inside dies with pid 1, and pid 1 ends with the
// agent's own process: what that left running is killed, as in a container.
//
// As root, call it before dropping capabilities: mapping uid 0 needs CAP_SETFCAP at this moment.
// Supplementary groups are kept: files that only they open can be opened inside too. They are shown as the overflow
// group, and no file can be given to them from inside.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "launch/floor.h"
#include "launch/mount_table.h"
#include "launch/spec.h"

namespace assent::launch {

struct AgentEvent {
  enum class Kind {
    ExecFailed,  // value: errno; Exited follows
    Exited,      // value: exit status
    Killed,      // value: signal
    Stopped,     // value: signal
    Continued,
    Gone,  // pid 1 ended without telling (it was killed); nothing follows
  };
  Kind kind = Kind::Gone;
  int value = 0;
  bool core_dumped = false;
};

class Sandbox {
 public:
  // Launch::begin, furnish and stand at once. Fails with a message that names the step and what to do; nothing is left
  // behind then.
  static Result<Sandbox> start(const Spec& spec);

  Sandbox(Sandbox&&) noexcept = default;
  Sandbox& operator=(Sandbox&& other) noexcept;
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox();  // ends everything inside

  // Lets the agent's program begin. Its execve comes to the listener first, if the filter notifies that.
  Status go();

  // Seccomp notification descriptor. The listener dies with its last descriptor, and gated calls then fail.
  [[nodiscard]] int listener() const { return listener_.get(); }
  [[nodiscard]] UniqueFd take_listener() { return std::move(listener_); }

  // Bound to 127.0.0.1:53 inside, non-blocking: datagrams, and a listening stream socket.
  struct NameSockets {
    UniqueFd datagrams;
    UniqueFd stream;
    bool ipv6 = false;  // the agent has an IPv6 address beside loopback's
  };
  [[nodiscard]] NameSockets take_name_sockets() { return std::move(name_sockets_); }

  // On which pid 1 makes sockets of the inner network (see assent/socket_request.h): relays need them. A datagram each
  // way.
  [[nodiscard]] UniqueFd take_socket_maker() { return std::move(socket_maker_); }
  // Whether what carries assent::kRelayMark inside finds every address on loopback.
  [[nodiscard]] bool has_relay_routes() const { return has_relay_routes_; }

  [[nodiscard]] pid_t init_pid() const { return init_pid_; }
  [[nodiscard]] int init_pidfd() const { return init_.get(); }
  [[nodiscard]] pid_t agent_pid() const {
    return agent_pid_;
  }  // in the caller's pid namespace; leads its process group
  [[nodiscard]] int agent_pidfd() const { return agent_.get(); }
  [[nodiscard]] pid_t agent_inner_pid() const { return agent_inner_pid_; }
  [[nodiscard]] std::uint64_t pid_namespace() const { return pid_namespace_; }  // inode number of the namespace

  // O_PATH descriptor of the agent's "/", taken before any program ran inside.
  [[nodiscard]] int agent_root() const { return agent_root_.get(); }

  [[nodiscard]] MountTable& mounts() { return mounts_; }
  [[nodiscard]] const Floor& floor() const { return floor_; }
  // What of the layout was left out and why; for people.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  // Becomes readable when next_event() has something to say.
  [[nodiscard]] int events() const { return channel_.get(); }
  // Never waits. Empty: nothing new. After Exited, Killed or Gone everything inside has ended or is ending.
  Result<std::optional<AgentEvent>> next_event();

  // To the agent's own process group (it may have moved its children into others).
  Status signal(int number);

  // Ends everything inside and waits until it is gone. Where pid 1 told that it was the last one inside, nothing is
  // left that could act, and its own end is not waited for.
  void kill();

 private:
  friend class Launcher;
  explicit Sandbox(const FloorFacts& facts) : floor_(facts) {}

  UniqueFd channel_;
  UniqueFd init_;
  UniqueFd agent_;
  UniqueFd listener_;
  NameSockets name_sockets_;
  UniqueFd socket_maker_;
  bool has_relay_routes_ = false;
  UniqueFd agent_root_;
  pid_t init_pid_ = -1;
  pid_t agent_pid_ = -1;
  pid_t agent_inner_pid_ = 0;
  bool alone_ = false;  // pid 1 told so on its way out
  std::uint64_t pid_namespace_ = 0;
  MountTable mounts_;
  Floor floor_;
  std::vector<std::string> notes_;
};

// A sandbox on its way. Its namespaces come up while the caller still finds out what is to run in them.
class Launch {
 public:
  // Where this machine cannot make one, furnish() says so.
  static Launch begin();

  // What shall stand inside; not waited for.
  Status furnish(const Spec& spec);

  // After furnish(). Waits until the floor has been tried and the agent stands before its exec. Fails as start() does.
  Result<Sandbox> stand();

  Launch(Launch&&) noexcept;
  Launch& operator=(Launch&&) noexcept;
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch();  // ends what did not come to stand

 private:
  Launch();
  std::unique_ptr<class Launcher> launcher_;
  std::optional<Error> failure_;
};

}  // namespace assent::launch
