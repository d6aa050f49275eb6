#include "net/hello_gate.h"

#include <algorithm>
#include <utility>

#include "base/show.h"
#include "net/client_hello.h"

namespace assent::net {

namespace {

using Look = Pump::Look;

constexpr std::size_t kMostHeld = 2 * kLongestHello;
constexpr std::uint8_t kChangeCipherSpec = 20;
constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kApplicationData = 23;

}  // namespace

Pump::Step HelloGate::operator()(std::span<const std::uint8_t> client, std::span<const std::uint8_t> server,
                                 bool ended) {
  if (phase_ == Phase::First) {
    const Pump::Step step = first(client, ended);
    if (phase_ == Phase::First) return step;
  }
  if (phase_ == Phase::Server) {
    switch (read_server_hello(server)) {
      case ServerHello::More:
        // What comes after the hello waits for the server: it might ask for another.
        return ended ? let_go(release_) : Pump::Step{Look::More, release_};
      case ServerHello::Other:
        return let_go(release_);
      case ServerHello::Retry:
        phase_ = Phase::Second;
        break;
    }
  }
  return second(client, ended);
}

Pump::Step HelloGate::first(std::span<const std::uint8_t> client, bool ended) {
  bool more = false;
  std::size_t size = 0;
  const std::string why = refusal(client, ended, size, more);
  if (more) return {Look::More, 0};
  if (!why.empty()) return refuse(why);
  release_ = size;
  phase_ = Phase::Server;
  return {Look::More, release_};
}

// Between the two there may be early data, the mark that middleboxes want, and warnings, which a server passes over
// (user_canceled): none of them is the end of the wait for the second hello.
Pump::Step HelloGate::second(std::span<const std::uint8_t> client, bool ended) {
  std::size_t at = release_;
  while (client.size() - at >= 5) {
    const std::size_t length = static_cast<std::size_t>(client[at + 3]) << 8 | client[at + 4];
    if (client[at] == kHandshake) {
      bool more = false;
      std::size_t size = 0;
      const std::string why = refusal(client.subspan(at), ended, size, more);
      if (more) return {Look::More, at};
      if (!why.empty()) return refuse(why);
      return let_go(at + size);
    }
    if (client[at] != kChangeCipherSpec && client[at] != kAlert && client[at] != kApplicationData)
      return refuse("it does not go on as TLS does");
    if (client.size() - at - 5 < length) break;
    at += 5 + length;
  }
  if (ended) return let_go(at);
  if (client.size() > kMostHeld) return refuse("it sends too much before its hello");
  return {Look::More, at};
}

std::string HelloGate::refusal(std::span<const std::uint8_t> stream, bool ended, std::size_t& size, bool& more) const {
  const ClientHello hello = read_client_hello(stream);
  switch (hello.state) {
    case ClientHello::State::More:
      more = !ended && stream.size() <= kMostHeld;
      return "it does not begin with a TLS hello";
    case ClientHello::State::Wrong:
      return "it does not begin with a TLS hello";
    case ClientHello::State::Whole:
      break;
  }
  size = hello.size;
  if (hello.hides_name) return "its TLS hello hides the server's name (ECH)";
  if (hello.server_name.empty()) return "its TLS hello names no server";
  if (std::ranges::find(names_, hello.server_name) == names_.end())
    return "its TLS hello names another server, " + show(hello.server_name);
  return {};
}

Pump::Step HelloGate::let_go(std::size_t release) {
  told_({});
  return {Look::Pass, release};
}

Pump::Step HelloGate::refuse(const std::string& why) {
  told_(why);
  return {Look::Refuse, 0};
}

}  // namespace assent::net
