#include "launch/floor.h"

namespace assent::launch {

namespace {

bool agents_own_to_change(Zone zone) {
  switch (zone) {
    case Zone::Free:
    case Zone::Private:
    case Zone::Kernel:
      return true;
    case Zone::Gated:
    case Zone::Read:
      return false;
  }
  return false;
}

bool changes_files(CallKind kind) {
  switch (kind) {
    case CallKind::ChangeName:
    case CallKind::OpenForWrite:
      return true;
    case CallKind::Observe:
    case CallKind::Exec:
    case CallKind::OpenForRead:
    case CallKind::SendDatagram:
      return false;
  }
  return true;
}

}  // namespace

// The adversary: another thread or process of the agent rewrites path, dirfd contents (by dup2) and structures after we
// looked. Then the call means any call of its kind with any arguments. What has to be shown is that no call of that
// kind, made by the agent on its own, changes anything outside of its private and free folders, whichever zone the
// object we saw lay in.
bool Floor::harmless(CallKind kind) const {
  // The base of all: without these the agent could undo the mounts.
  if (!facts_.no_capabilities || !facts_.no_new_privileges) return false;
  switch (kind) {
    case CallKind::Observe:
      // No argument makes these change anything but the caller's own state. What we cache of that state must be
      // read again, for the arguments that ran may not be the ones we saw.
      return true;
    case CallKind::Exec:
      // The floor stays over an exec: namespaces, Landlock, seccomp, no_new_privs, empty bounding set. Which program
      // runs is not what protects; the gates on its effects are.
      return true;
    case CallKind::ChangeName:
      // A name is changed in a folder, and a folder is reached from the agent's root, cwd or a folder descriptor. No
      // folder of the host's own mounts ever enters the sandbox, so the folder is on a mount of the agent's view:
      // read-only (EROFS) but for the free and private ones. A file descriptor of the host's mount (an approved
      // write) has no folder to offer through /proc/self/fd, and linking from it into a free folder crosses mounts
      // (EXDEV). Landlock says the same a second time but is not needed.
      return facts_.read_only_view;
    case CallKind::OpenForWrite:
      // As above, but /proc/self/fd/N of a host's file that the agent holds (read-only standard input, an approved
      // write, a pre-image in the vault) opens it anew on the host's writable mount. Only Landlock refuses that.
      return facts_.read_only_view && facts_.landlock;
    case CallKind::OpenForRead:
      // Only asked behind the read gate. Landlock itself withholds what is masked and what replaces it.
      return facts_.landlock && facts_.reads_gated;
    case CallKind::SendDatagram:
      // The agent's own sockets are of its own network, where there is nobody but the agent and, under addresses that
      // were allowed, our relays, each of which hears one socket only. Sockets of the host's network are connected
      // TCP ones, for which the kernel ignores an address; MSG_FASTOPEN, a register, was looked at by the filter. A
      // unix datagram socket, which would take a path, cannot be made.
      return true;
  }
  return false;
}

// There is no proof for metadata (mode, owner, times, attributes, flags) and none for truncate(2) and what else can
// truncate without a right to write: Landlock does not stop it, and a descriptor of the host's file leads to it past
// the read-only view. None for connect either: the address can be rewritten, and a unix socket's path is not stopped by
// a read-only mount.
std::optional<FloorProof> Floor::proof(CallKind kind, Zone zone) const {
  if (!harmless(kind)) return std::nullopt;
  if (changes_files(kind) && !agents_own_to_change(zone)) return std::nullopt;
  return FloorProof();
}

}  // namespace assent::launch
