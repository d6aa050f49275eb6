// Floor: what the kernel alone enforces on this agent, as it was tried in the child before its program began, and the
// one place where a FloorProof comes from. A proof says: whatever the agent writes over the arguments of this call
// after we looked at them, the kernel, carrying it out with the agent's own rights, can do no harm.
#pragma once

#include <optional>

#include "assent/floor_proof.h"
#include "assent/request.h"

namespace assent::launch {

// Each is true only because the forbidden act was tried from inside and refused.
struct FloorFacts {
  bool read_only_view = false;   // writing into the project, /, /proc/sys through the agent's mounts
  bool no_capabilities = false;  // empty sets, empty bounding set, mount(2) refused
  bool no_new_privileges = false;
  bool landlock = false;             // a write on a writable mount of the host was refused
  bool reads_gated = false;          // Landlock withholds masked names from reading too
  bool nested_users_closed = false;  // no further user namespaces inside, even past the filter
};

// The kinds of calls that may be let through.
enum class CallKind {
  Observe,       // chdir, fchdir, umask: changes nothing but the caller itself
  Exec,          // execve, execveat
  ChangeName,    // mkdir, mknod, symlink, link, unlink, rmdir, rename
  OpenForWrite,  // open for writing or creating, with flags in registers that cannot truncate without writing
  OpenForRead,   // open for reading behind the read gate
  SendDatagram,  // sendto, sendmsg, sendmmsg, with an address
};

class Floor {
 public:
  explicit Floor(const FloorFacts& facts) : facts_(facts) {}

  [[nodiscard]] const FloorFacts& facts() const { return facts_; }

  // `zone`: where the call's object was resolved to. Objects of the gated and read zones are never let through for
  // change: the floor would refuse, and the broker is to act instead.
  [[nodiscard]] std::optional<FloorProof> proof(CallKind kind, Zone zone) const;

 private:
  [[nodiscard]] bool harmless(CallKind kind) const;

  FloorFacts facts_;
};

}  // namespace assent::launch
