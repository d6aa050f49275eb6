#include "approve/daemon_link.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/show.h"
#include "base/sys.h"

namespace assent::approve {

namespace {

// A socket of any path length: named through a descriptor of its folder.
Result<UniqueFd> dial(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return fail(EINVAL, fmt::format("cannot reach {}: it is no absolute path (EINVAL)", show(path)));
  auto folder = sys::openat(AT_FDCWD, slash == 0 ? "/" : path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY);
  if (!folder) return pass(std::move(folder));
  const std::string name = fmt::format("/proc/self/fd/{}/{}", folder->get(), path.substr(slash + 1));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path)
    return fail(ENAMETOOLONG, fmt::format("cannot reach {}: its name is too long (ENAMETOOLONG)", show(path)));
  name.copy(address.sun_path, name.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return sys::last_error("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return sys::last_error("connect");
  // Whoever may write into the folder decides who listens there. Anybody else's process is no daemon of ours.
  auto place = sys::statx(folder->get(), "");
  if (!place) return pass(std::move(place));
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return sys::last_error("getsockopt");
  const bool folder_is_ours = place->stx_uid == 0 || place->stx_uid == ::geteuid() || place->stx_uid == peer.uid;
  if (!folder_is_ours || (peer.uid != 0 && peer.uid != ::geteuid() && peer.uid != place->stx_uid)) {
    return fail(EPERM, fmt::format("cannot trust {}: the user {} listens there (EPERM)", show(path), peer.uid));
  }
  return fd;
}

}  // namespace

std::vector<std::string> daemon_sockets() {
  const char* named = ::getenv("ASSENT_DAEMON");
  if (named != nullptr && named[0] != '\0') return {named};
  std::vector<std::string> out{kSystemSocket};
  const char* runtime = ::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/') out.push_back(std::string(runtime) + "/assent/" + kSocketName);
  return out;
}

Result<DaemonLink> DaemonLink::open(const std::vector<std::string>& sockets, const message::Hello& hello,
                                    std::chrono::milliseconds limit) {
  Error first{ENOENT, "cannot reach an approval daemon: none runs (ENOENT); start assentd"};
  for (const auto& path : sockets) {
    auto link = open_one(path, hello, limit);
    if (link) return link;
    const int code = link.error().code;
    // Nobody there, or not meant for this user.
    const bool nobody = code == ENOENT || code == ECONNREFUSED || code == EACCES || code == ENOTDIR;
    if (!nobody && first.code == ENOENT) first = link.error();
  }
  return fail(first.code, first.what);
}

Result<DaemonLink> DaemonLink::open_one(const std::string& path, const message::Hello& hello,
                                        std::chrono::milliseconds limit) {
  auto fd = dial(path);
  if (!fd) return pass(std::move(fd));
  DaemonLink link(std::move(*fd), path, limit);
  if (auto status = link.send(hello); !status) return pass(std::move(status));
  auto reply = link.receive();
  if (!reply) return pass(std::move(reply));
  if (const auto* refused = std::get_if<message::Refused>(&*reply))
    return fail(EPERM, fmt::format("cannot use the approval daemon: {} (EPERM)", show(refused->why)));
  const auto* welcome = std::get_if<message::Welcome>(&*reply);
  if (welcome == nullptr || welcome->version != kProtocolVersion)
    return fail(EPROTO, "cannot use the approval daemon: it speaks another protocol (EPROTO); restart assentd");
  return link;
}

Status DaemonLink::send(const Message& message) {
  std::string_view bytes;
  const std::string frame = encode(message);
  for (bytes = frame; !bytes.empty();) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return sys::last_error("send");
    pollfd room{fd_.get(), POLLOUT, 0};
    if (::poll(&room, 1, static_cast<int>(limit_.count())) == 0)
      return fail(ETIMEDOUT, "cannot reach the approval daemon: it does not answer (ETIMEDOUT)");
  }
  return {};
}

Result<Message> DaemonLink::receive() {
  const auto until = std::chrono::steady_clock::now() + limit_;
  for (;;) {
    auto payload = frames_.next();
    if (!payload) return pass(std::move(payload));
    if (payload->has_value()) return decode(**payload);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd data{fd_.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&data, 1, static_cast<int>(left.count())) == 0) {
      return fail(ETIMEDOUT, "cannot reach the approval daemon: it does not answer (ETIMEDOUT)");
    }
    std::array<char, 65536> buffer;
    const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return fail(ECONNRESET, "cannot reach the approval daemon: it went away (ECONNRESET)");
    frames_.feed({buffer.data(), static_cast<std::size_t>(n)});
  }
}

UniqueFd DaemonLink::take(Frames& frames) {
  frames = std::move(frames_);
  return std::move(fd_);
}

}  // namespace assent::approve
