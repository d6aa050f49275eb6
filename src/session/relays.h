// Relays: what is carried between the agent's network and the host's, on a thread of its own: servers inside that are
// published outside, connections whose TLS hello has to be looked at. In: the sandbox's way to sockets inside, places
// that were held before it started. Never: decides; whoever hands something in has the Permit, or the user's own word
// on the command line.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "assent/result.h"
#include "base/mailbox.h"
#include "net/address.h"
#include "net/agent_socket.h"
#include "net/datagram_pump.h"
#include "net/inner_sockets.h"
#include "net/publish.h"
#include "net/pump.h"
#include "net/relay_thread.h"

namespace assent::session {

// Ports of the host that are kept for servers inside. Held before anything runs.
using HeldPlaces = std::vector<std::pair<net::PublishPlace, UniqueFd>>;
Result<HeldPlaces> hold_places(const std::vector<std::string>& publish);

class Relays {
 public:
  enum class Routes { No, Yes };  // whether marked sockets inside find every address on loopback

  static Result<std::unique_ptr<Relays>> create(EventLoop& loop, UniqueFd socket_maker, Routes routes,
                                                HeldPlaces places);
  ~Relays();
  Relays(const Relays&) = delete;
  Relays& operator=(const Relays&) = delete;

  // A socket inside has begun to listen on `port`.
  void listens_inside(std::uint16_t port);
  [[nodiscard]] bool publishes() const { return publishes_; }

  // Binds a unix socket of the agent's in the agent's own view (net/inner_sockets.h). 0 or an errno.
  int bind_inside(int socket, std::string_view path, int working_directory, mode_t umask) {
    return inner_sockets_.bind(socket, path, working_directory, umask);
  }

  // Whether connections can be relayed here at all.
  [[nodiscard]] bool can_carry() const { return routes_ == Routes::Yes; }
  // Connects `own`, a socket of the agent's inside, to a relay that waits at `to`, with the names of `outer`, which is
  // connected there, for its own. Out: what has to be carried to `outer`.
  Result<UniqueFd> join(const net::AgentSocket& own, const net::Outside& to, int outer);
  // Carries it; where there are `names`, once the client's hello asks for one of them. `refused`, later and on the
  // session's loop: it does not.
  Status carry(UniqueFd inner, UniqueFd outer, std::optional<std::vector<std::string>> names,
               std::function<void(const std::string& why)> refused);
  // The same for datagrams. Where there are many flows already, the one that was quiet for longest ends.
  Result<UniqueFd> join_datagrams(const net::AgentSocket& own, const net::Outside& to, int outer);
  Result<UniqueFd> join_sender(const net::AgentSocket& own, const net::Outside& to, int outer);
  struct Sender {
    std::uint64_t cookie = 0;  // of a socket that is not connected: known for as long as the flow lasts
    std::string to;            // a struct sockaddr
  };
  Status carry_datagrams(UniqueFd inner, UniqueFd outer, std::optional<Sender> sender = {});
  [[nodiscard]] bool carries(std::uint64_t cookie, std::string_view to) const;

 private:
  static constexpr std::size_t kMostCarried = 1024;
  static constexpr std::size_t kMostFlows = 256;

  Relays(UniqueFd socket_maker, Routes routes) : inner_sockets_(std::move(socket_maker)), routes_(routes) {}
  Status start_thread();
  void told(std::uint64_t id, const std::string& refused);
  void end_flow(std::uint64_t id);  // on the thread
  void end_quietest_flow();

  net::InnerSockets inner_sockets_;
  Routes routes_;
  bool publishes_ = false;
  std::unique_ptr<Mailbox> mailbox_;  // of the session's loop
  std::unordered_map<std::uint64_t, std::function<void(const std::string& why)>> watched_;
  std::uint64_t next_ = 0;
  std::unordered_map<std::string, std::uint64_t> senders_;    // cookie and place → the flow, of unconnected sockets
  std::unordered_map<std::uint64_t, std::string> sender_of_;  // the other way round
  std::size_t carried_ = 0;
  std::vector<std::unique_ptr<net::Publisher>> publishers_;  // this and the next are of the thread
  struct Carried {
    std::unique_ptr<net::Pump> pump;
    EventLoop::TimerId patience;  // to say hello
  };
  std::unordered_map<std::uint64_t, std::unique_ptr<Carried>> pumps_;
  std::unordered_map<std::uint64_t, std::unique_ptr<net::DatagramPump>> flows_;
  std::unique_ptr<net::RelayThread> thread_;
};

}  // namespace assent::session
