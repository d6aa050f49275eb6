#include "launch/stage.h"

#include <fmt/format.h>

#include <cstring>

#include "base/show.h"
#include "base/sys.h"

namespace assent::launch {

namespace {

bool reads(const char* path, char wanted) {
  const auto text = sys::read_file(AT_FDCWD, path, 64);
  return text && !text->empty() && (*text)[0] == wanted;
}

// A step failed that needs nothing but the capabilities of a fresh user namespace: something took them away.
std::string powerless() {
  if (reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1')) {
    return "AppArmor takes the rights away that a new user namespace gives (Ubuntu 24.04 does so by default); install "
           "an AppArmor profile for assent that holds 'userns,', or set kernel.apparmor_restrict_unprivileged_userns=0";
  }
  return "the new user namespace gave no rights; in a container allow user namespaces (Docker: --security-opt "
         "seccomp=unconfined --security-opt apparmor=unconfined), else look for a security module's denial in dmesg";
}

std::string advice(At at, int code) {
  const bool refused = code == EPERM || code == EACCES;
  switch (at) {
    case At::Start:
      if (code == ENOSYS) {
        return "clone3 is kept away, as containers do whose seccomp profile forbids user namespaces; allow them "
               "(Docker: --security-opt seccomp=unconfined)";
      }
      if (code == ENOSPC || code == EUSERS) return "set user.max_user_namespaces (and its net, mnt, pid kin) above 0";
      if (reads("/proc/sys/kernel/unprivileged_userns_clone", '0')) return "set kernel.unprivileged_userns_clone=1";
      return powerless();
    case At::GroupMap:
    case At::UserMap:
      return refused ? "as root keep CAP_SETFCAP until the sandbox stands; " + powerless() : powerless();
    case At::LockDown:
      if (code == ENOSYS) return "mount_setattr needs Linux 5.12";
      return powerless();
    case At::NewProc:
      return refused
                 ? "parts of the host's /proc are covered by other mounts, as in a container; run with an uncovered "
                   "/proc (Docker: --security-opt systempaths=unconfined)"
                 : "look at `assent doctor`";
    case At::Filter:
      if (code == EBUSY)
        return "a supervisor above holds the one notification listener (WSL 2 does); run outside of it";
      return "seccomp user notification with WAIT_KILLABLE_RECV needs Linux 5.19";
    case At::Directory:
      return "start in a folder that the agent can see";
    case At::FloorCheck:
      return "the floor does not hold on this machine; nothing was started, look at `assent doctor`";
    case At::MountId:
      return "statx with mount ids needs Linux 5.8";
    case At::Stdio:
      return "give the agent files, pipes or a terminal as standard input and output";
    case At::Landlock:
      return "look at `assent doctor`";
    case At::TakeEarly:
    case At::OpenFolder:
    case At::MakePlace:
    case At::NewTmpfs:
    case At::NewDevpts:
    case At::AttachMount:
    case At::Seal:
    case At::Loopback:
    case At::HostName:
    case At::Capabilities:
    case At::NoNewPrivileges:
      return refused ? powerless() : "look at `assent doctor`";
    case At::ParentDeath:
    case At::ForkAgent:
    case At::Terminal:
    case At::HandOver:
      return "look at `assent doctor`";
  }
  return "look at `assent doctor`";
}

std::string deed(At at, const std::string& object) {
  const std::string shown = show(object);
  switch (at) {
    case At::Start:
      return "cannot create the sandbox's namespaces";
    case At::ParentDeath:
      return "cannot tie the sandbox's life to the supervisor's";
    case At::GroupMap:
      return "cannot map the group inside the sandbox";
    case At::UserMap:
      return "cannot map the user inside the sandbox";
    case At::TakeEarly:
      return fmt::format("cannot take {} into the sandbox", shown);
    case At::LockDown:
      return "cannot make the machine read-only inside the sandbox";
    case At::OpenFolder:
      return fmt::format("cannot open {} inside the sandbox", shown);
    case At::MakePlace:
      return fmt::format("cannot make {} inside the sandbox", shown);
    case At::NewTmpfs:
      return fmt::format("cannot make a private folder at {}", shown);
    case At::NewProc:
      return "cannot mount a new /proc in the sandbox";
    case At::NewDevpts:
      return "cannot mount a new /dev/pts in the sandbox";
    case At::AttachMount:
      return fmt::format("cannot put {} in its place inside the sandbox", shown);
    case At::MountId:
      return fmt::format("cannot tell the mount of {}", shown);
    case At::Seal:
      return "cannot make the sandbox's own folders read-only";
    case At::Loopback:
      return "cannot bring up the sandbox's loopback";
    case At::HostName:
      return "cannot set the sandbox's host name";
    case At::Capabilities:
      return "cannot give up capabilities";
    case At::NoNewPrivileges:
      return "cannot set no_new_privs";
    case At::ForkAgent:
      return "cannot fork the agent";
    case At::Terminal:
      return "cannot make the pseudo-terminal the agent's own";
    case At::Stdio:
      return "cannot give the agent its standard input and output";
    case At::Directory:
      return fmt::format("cannot enter {} inside the sandbox", shown);
    case At::Landlock:
      return fmt::format("cannot set Landlock rights for {}", shown);
    case At::FloorCheck:
      return fmt::format("cannot trust the floor: {}", shown);
    case At::Filter:
      return "cannot install the seccomp filter";
    case At::HandOver:
      return "cannot hand the listener to the supervisor";
  }
  return "cannot start the sandbox";
}

}  // namespace

Error describe_failure(At at, int code, const std::string& object) {
  const char* name = ::strerrorname_np(code);
  return Error{code, fmt::format("{}: {} ({}); {}", deed(at, object), ::strerrordesc_np(code),
                                 name == nullptr ? "?" : name, advice(at, code))};
}

}  // namespace assent::launch
