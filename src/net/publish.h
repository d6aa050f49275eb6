// Publish: a server inside, reachable on the loopback of the host. In: where, a socket bound there before anything ran,
// and the word that something listens inside. Out: connections carried to it. While nothing listens inside, nothing
// listens outside either, so that who calls is refused as ever. Never: an address that is not of loopback.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"
#include "net/inner_sockets.h"
#include "net/pump.h"

namespace assent::net {

struct PublishPlace {
  std::string host = "127.0.0.1";  // text of an address of loopback
  std::uint16_t port = 0;          // outside
  std::uint16_t inner = 0;
};

// [HOST:]PORT[:INNER]; an IPv6 address stands in brackets. The error says what is wrong, without the text itself.
Result<PublishPlace> parse_publish(std::string_view text);
std::string to_string(const PublishPlace& place);  // "127.0.0.1:8080"

// Bound, and not yet listening. Fails with a message for people (EADDRINUSE, EACCES …).
Result<UniqueFd> hold_place(const PublishPlace& place);

class Publisher {
 public:
  static constexpr std::size_t kMostConnections = 512;

  // `inner_sockets` and `loop` outlive it. Everything on the loop's thread.
  Publisher(EventLoop& loop, InnerSockets& inner_sockets, PublishPlace place, UniqueFd held);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Something has begun to listen on `port` inside.
  void listens_inside(std::uint16_t port);
  [[nodiscard]] std::size_t connections() const { return calls_.size() + pumps_.size(); }

 private:
  struct Call;  // accepted, and calling inside
  void on_caller();
  void call(std::unique_ptr<Call> call);
  void answered(int socket);
  void refused(std::unique_ptr<Call> call);
  void stop_listening();
  void carry(UniqueFd outer, UniqueFd inner);

  EventLoop& loop_;
  InnerSockets& inner_sockets_;
  PublishPlace place_;
  UniqueFd held_;
  bool listening_ = false;
  std::uint64_t epoch_ = 0;                               // how often something has begun to listen inside
  std::unordered_map<int, std::unique_ptr<Call>> calls_;  // by the inner socket
  std::unordered_map<std::uint64_t, std::unique_ptr<Pump>> pumps_;
  std::uint64_t next_pump_ = 0;
};

}  // namespace assent::net
