// mkdir, symlink, mknod, bind. One call each, never replacing: done or not done.
//
// No descriptor comes back, so what was made has to be looked up by name afterwards. It counts as the session's own
// only if it was born after the call began; an object that somebody moved into the place meanwhile was not.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>

#include "broker/act.h"
#include "broker/arguments.h"
#include "broker/broker.h"
#include "broker/mask.h"

namespace assent::broker {
namespace {

struct Make {
  int directory;
  const char* name;

  int operator()(const MakeDirectory& act) const { return result(::mkdirat(directory, name, act.mode)); }
  int operator()(const MakeSymlink& act) const { return result(::symlinkat(act.target.c_str(), directory, name)); }
  int operator()(const MakeNode& act) const {
    // The kernel's own device encoding, as the agent gave it; the C library would translate it.
    return result(::syscall(SYS_mknodat, directory, name, act.mode, static_cast<unsigned>(act.device)));
  }
  template <class Other>
  int operator()(const Other&) const {
    return EPERM;
  }

  static int result(long returned) { return returned == 0 ? 0 : errno; }
};

mode_t type_of(const Action& act) {
  if (std::holds_alternative<MakeDirectory>(act)) return S_IFDIR;
  if (std::holds_alternative<MakeSymlink>(act)) return S_IFLNK;
  if (const auto* node = std::get_if<MakeNode>(&act)) return (node->mode & S_IFMT) == 0 ? S_IFREG : node->mode & S_IFMT;
  return 0;
}

}  // namespace

namespace {

// What stands under the name counts as the session's own only if it was born after the call began.
void note_created(Outcome& outcome, int directory, const char* name, mode_t type, const timespec& before) {
  auto made = sys::statx(directory, name);
  if (!made || (made->stx_mode & S_IFMT) != type) return;
  const FileId id = sys::id_of(*made);
  if (id.birth_ns >= before.tv_sec * 1'000'000'000 + before.tv_nsec) outcome.created.push_back(id);
}

}  // namespace

Outcome Broker::make(const Action& act, Target& target, const CallerFacts& caller) {
  if (const int code = adopt_umask(caller.umask); code != 0) return failed(code);
  const int directory = target.parent->host.get();
  timespec before{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &before);  // the clock that inode times are taken from
  if (const int code = std::visit(Make{directory, target.name.c_str()}, act); code != 0) return failed(code);

  Outcome outcome = done();
  note_created(outcome, directory, target.name.c_str(), type_of(act), before);
  return outcome;
}

Outcome Broker::bind(Permit&& permit, int socket, Target& target, const CallerFacts& caller) {
  const Permit spent(std::move(permit));
  if (auto code = refused(target)) return failed(*code);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!target.parent || target.name.empty() || target.spelling != Spelling::Plain) return failed(EADDRINUSE);
  if (target.name.size() >= sizeof address.sun_path) return failed(ENAMETOOLONG);
  target.name.copy(address.sun_path, target.name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + target.name.size() + 1);
  // The kernel takes a path only, so this thread, whose working directory is its own now, goes there for a moment.
  if (const int code = adopt_umask(caller.umask); code != 0) return failed(code);
  const int directory = target.parent->host.get();
  if (::fchdir(directory) != 0) return failed(errno);
  timespec before{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &before);
  const int code = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
  if (::chdir("/") != 0) return failed(EPERM);
  if (code != 0) return failed(code);
  Outcome outcome = done();
  note_created(outcome, directory, target.name.c_str(), S_IFSOCK, before);
  return outcome;
}

}  // namespace assent::broker
