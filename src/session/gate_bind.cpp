// Gate: bind and listen. Both are carried out on a duplicate of the agent's socket, and never on one of the host's
// network, which would wait for callers from everywhere. The name of a unix socket is a file, and goes the way of
// files. Never left to the kernel.
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "session/gate.h"

namespace assent::session {

Result<net::AgentSocket> Gate::agent_socket(const resolve::Caller& caller, int number) const {
  auto fd = caller.descriptor(number);
  if (!fd) return pass(std::move(fd));
  return net::look_at(std::move(*fd), rooms_.connects.host_cookie());
}

void Gate::bind(Judgement judgement, const Bind& act) {
  const Call call = judgement.call;
  auto socket = agent_socket(*judgement.caller, act.socket);
  if (!socket) return reply(call, ReturnErrno{socket.error().code});
  if (socket->home == net::Home::Host) return reply(call, ReturnErrno{EINVAL});  // as for any socket that is connected

  if (auto path = socket->domain == AF_UNIX ? net::unix_path(act.address) : std::nullopt) {
    struct stat facts {};
    if (::fstat(socket->fd.get(), &facts) != 0) return reply(call, ReturnErrno{errno});
    MakeNode node;
    node.path.path = std::move(*path);
    node.mode = S_IFSOCK | (facts.st_mode & 07777);
    judgement.action = std::move(node);
    judgement.calling = std::make_unique<Calling>();
    judgement.calling->socket = std::move(*socket);
    judgement.calling->number = act.socket;
    return file_call(std::move(judgement));
  }

  std::string address = act.address;
  if (socket->domain == AF_NETLINK && address.size() >= sizeof(sockaddr_nl)) {
    sockaddr_nl netlink{};
    std::memcpy(&netlink, address.data(), sizeof netlink);
    // Left to choose, the kernel takes the number of the process that calls, and that is us.
    if (netlink.nl_pid == 0) {
      netlink.nl_pid = static_cast<std::uint32_t>(judgement.caller->inner_pid());
      if (::bind(socket->fd.get(), reinterpret_cast<const sockaddr*>(&netlink), sizeof netlink) == 0)
        return reply(call, ReturnValue{0});
      if (errno != EADDRINUSE) return reply(call, ReturnErrno{errno});
    }
  }
  const int bound = ::bind(socket->fd.get(), reinterpret_cast<const sockaddr*>(address.data()),
                           static_cast<socklen_t>(address.size()));
  reply(call, bound == 0 ? Reply(ReturnValue{0}) : Reply(ReturnErrno{errno}));
}

// The name of a unix socket in a folder of the agent's own. The kernel cannot be let go on with it: by then a racing
// thread may have put one of the host's connections under that number and an address beside it, and that would take a
// port of the host. pid 1 binds the very socket that was looked at, in the agent's view, where the socket keeps the
// whole path for its name; another path than the one we looked at is another place where the agent may make what it
// likes.
void Gate::bind_on_the_floor(Judgement&& judgement) {
  const Call call = judgement.call;
  for (const Target& target : judgement.targets) {
    if (target.zone == Zone::Kernel) return reply(call, ReturnErrno{EACCES});
  }
  const std::string& path = std::get<MakeNode>(judgement.action).path.path;
  // "self" would be pid 1. Through a folder that we hold the socket only gets a shorter name.
  if (path.find("/proc/") != std::string::npos || path.find("/dev/fd/") != std::string::npos)
    return act_on_the_floor(std::move(judgement));
  auto folder = judgement.caller->cwd();
  if (!folder) return reply(call, ReturnErrno{folder.error().code});
  auto mask = judgement.caller->umask();
  if (!mask) return reply(call, ReturnErrno{mask.error().code});
  if (!rooms_.listener.alive(call.id)) return;
  const int code = rooms_.relays.bind_inside(judgement.calling->socket.fd.get(), path, folder->fd, *mask);
  reply(call, code == 0 ? Reply(ReturnValue{0}) : Reply(ReturnErrno{code}));
}

void Gate::listen(const Call& call, const resolve::CallerRef& caller, const Listen& act) {
  auto socket = agent_socket(*caller, act.socket);
  if (!socket) return reply(call, ReturnErrno{socket.error().code});
  // A connection that has failed would otherwise become a server on the host's network.
  if (socket->home == net::Home::Host) return reply(call, ReturnErrno{EINVAL});
  const int listening = ::listen(socket->fd.get(), act.backlog);
  if (listening == 0 && rooms_.relays.publishes()) {
    if (const auto port = net::port_of(socket->fd.get())) rooms_.relays.listens_inside(port);
  }
  reply(call, listening == 0 ? Reply(ReturnValue{0}) : Reply(ReturnErrno{errno}));
}

}  // namespace assent::session
