#include "assentd/place.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#include "approve/daemon_link.h"
#include "base/show.h"
#include "base/sys.h"

namespace assent::assentd {

namespace {

std::string errno_name(int code) {
  const char* name = ::strerrorname_np(code);
  return name != nullptr ? name : std::to_string(code);
}

tl::unexpected<Error> cannot(const std::string& path, const std::string& why, int code) {
  return fail(code, fmt::format("cannot listen at {}: {} ({})", show(path), why, errno_name(code)));
}

// A descriptor that systemd passes (sd_listen_fds(3)): the first, if there is one for us.
UniqueFd passed_listener() {
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::strtol(pid, nullptr, 10) != ::getpid() ||
      std::strtol(count, nullptr, 10) < 1)
    return {};
  constexpr int kFirst = 3;
  int listening = 0;
  socklen_t length = sizeof listening;
  if (::getsockopt(kFirst, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || listening == 0) return {};
  ::fcntl(kFirst, F_SETFD, FD_CLOEXEC);
  ::fcntl(kFirst, F_SETFL, O_NONBLOCK);
  return UniqueFd(kFirst);
}

Result<UniqueFd> make_folder(const std::string& folder, Audience audience, gid_t group) {
  const mode_t mode = audience == Audience::User ? 0700 : 0750;
  const bool made = ::mkdir(folder.c_str(), mode) == 0;
  if (!made && errno != EEXIST) return cannot(folder, "its folder cannot be made", errno);
  auto fd = sys::openat(AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return cannot(folder, "its folder cannot be opened", fd.error().code);
  if (made && audience == Audience::System && ::fchown(fd->get(), static_cast<uid_t>(-1), group) != 0)
    return cannot(folder, "its folder cannot be given to the group", errno);
  if (made && ::fchmod(fd->get(), mode) != 0) return cannot(folder, "its folder cannot be closed to others", errno);
  struct stat is {};
  if (::fstat(fd->get(), &is) != 0) return cannot(folder, "its folder cannot be looked at", errno);
  if (is.st_uid != ::geteuid() && !(audience == Audience::System && is.st_uid == 0))
    return cannot(folder, "its folder belongs to somebody else", EPERM);
  if ((is.st_mode & (audience == Audience::User ? 077 : 027)) != 0)
    return cannot(folder, "others can enter its folder; chmod 0700", EPERM);
  return std::move(*fd);
}

}  // namespace

Result<std::string> usual_socket(Audience audience) {
  if (audience == Audience::System) return std::string(approve::kSystemSocket);
  const char* runtime = ::getenv("XDG_RUNTIME_DIR");
  if (runtime == nullptr || runtime[0] != '/')
    return fail(ENOENT,
                "cannot find a place for the socket: XDG_RUNTIME_DIR is not set (ENOENT); set it, or use --socket");
  return std::string(runtime) + "/assent/" + approve::kSocketName;
}

Result<Place> take_place(const std::string& path, Audience audience, const std::string& group_name) {
  Place out;
  out.path = path;
  out.listener = passed_listener();
  gid_t group = static_cast<gid_t>(-1);
  if (audience == Audience::System && !out.listener) {
    const struct group* found = ::getgrnam(group_name.c_str());
    if (found == nullptr)
      return fail(ENOENT, fmt::format("cannot find the group {} (ENOENT); make it: groupadd --system {}",
                                      show(group_name), show(group_name)));
    group = found->gr_gid;
  }
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0)
    return cannot(path, "it is no absolute path in a folder of its own", EINVAL);
  auto folder = make_folder(path.substr(0, slash), audience, group);
  if (!folder) return pass(std::move(folder));
  const std::string name = path.substr(slash + 1);

  auto lock = sys::openat(folder->get(), (name + ".lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!lock) return cannot(path, "its lock cannot be opened", lock.error().code);
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0)
    return fail(EADDRINUSE,
                fmt::format("cannot listen at {}: an approval daemon runs there already (EADDRINUSE)", show(path)));
  out.lock = std::move(*lock);
  if (out.listener) return out;

  // What lies there is of a daemon that is gone: the lock says so.
  if (::unlinkat(folder->get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return cannot(path, "the old socket cannot be removed", errno);
  out.listener = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.listener) return cannot(path, "no socket", errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string through = fmt::format("/proc/self/fd/{}/{}", folder->get(), name);
  if (through.size() >= sizeof address.sun_path) return cannot(path, "its name is too long", ENAMETOOLONG);
  through.copy(address.sun_path, through.size());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(out.listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int code = errno;
  ::umask(before);
  if (bound != 0) return cannot(path, "the socket cannot be made", code);
  if (audience == Audience::System) {
    if (::fchownat(folder->get(), name.c_str(), static_cast<uid_t>(-1), group, AT_SYMLINK_NOFOLLOW) != 0 ||
        ::fchmodat(folder->get(), name.c_str(), 0660, 0) != 0) {
      return cannot(path, "the socket cannot be given to the group", errno);
    }
  }
  if (::listen(out.listener.get(), 1024) != 0) return cannot(path, "the socket does not listen", errno);
  return out;
}

}  // namespace assent::assentd
