#include "net/client_hello.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "net/name_memory.h"

namespace assent::net {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kHandshake = 22;
constexpr std::size_t kLongestRecord = 16384;
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kEncryptedClientHello = 0xfe0d;
constexpr std::uint16_t kEncryptedServerName = 0xffce;

// Takes numbers and counted parts from the front; once something is missing, everything after is too.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  std::size_t number(std::size_t size) {
    const Bytes bytes = take(size);
    std::size_t out = 0;
    for (const std::uint8_t byte : bytes) out = out << 8 | byte;
    return out;
  }
  Bytes take(std::size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const Bytes out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  // A part with its length, a number of `size` bytes, before it.
  Bytes part(std::size_t size) { return take(number(size)); }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  Bytes rest_;
  bool good_ = true;
};

// One name, and it is a host's (RFC 6066).
std::optional<std::string> host_name(Bytes extension) {
  Reader whole(extension);
  const Bytes list = whole.part(2);
  if (!whole.good() || !whole.empty()) return std::nullopt;
  Reader names(list);
  const std::size_t type = names.number(1);
  const Bytes name = names.part(2);
  if (!names.good() || !names.empty() || type != 0) return std::nullopt;
  return plain_name({reinterpret_cast<const char*>(name.data()), name.size()});
}

// False: malformed.
bool read_body(Bytes body, ClientHello& out) {
  Reader hello(body);
  const std::size_t version = hello.number(2);
  hello.take(32);  // random
  const Bytes session = hello.part(1);
  const Bytes ciphers = hello.part(2);
  const Bytes compressions = hello.part(1);
  if (!hello.good() || version >> 8 != 3 || session.size() > 32 || ciphers.size() % 2 != 0 || compressions.empty())
    return false;
  if (hello.empty()) return true;
  const Bytes extensions = hello.part(2);
  if (!hello.good() || !hello.empty()) return false;
  std::vector<std::size_t> seen;
  for (Reader rest(extensions); !rest.empty();) {
    const std::size_t type = rest.number(2);
    const Bytes content = rest.part(2);
    // Twice the same: two readers could read two names.
    if (!rest.good() || std::ranges::find(seen, type) != seen.end() || seen.size() > 256) return false;
    seen.push_back(type);
    if (type == kEncryptedClientHello || type == kEncryptedServerName) out.hides_name = true;
    if (type != kServerName) continue;
    auto name = host_name(content);
    if (!name) return false;
    out.server_name = std::move(*name);
  }
  return true;
}

}  // namespace

ClientHello read_client_hello(Bytes stream) {
  ClientHello out;
  std::vector<std::uint8_t> message;
  std::size_t wanted = 4;
  std::size_t at = 0;
  while (message.size() < wanted) {
    const Bytes head = stream.subspan(at, std::min<std::size_t>(5, stream.size() - at));
    if (!head.empty() && head[0] != kHandshake) return out;
    if (head.size() > 1 && head[1] != 3) return out;
    out.state = ClientHello::State::More;
    if (head.size() < 5) return out;
    const std::size_t length = static_cast<std::size_t>(head[3]) << 8 | head[4];
    if (length == 0 || length > kLongestRecord) return {};
    const Bytes part = stream.subspan(at + 5, std::min(length, stream.size() - at - 5));
    message.insert(message.end(), part.begin(), part.end());
    if (!message.empty() && message[0] != 1) return {};
    if (message.size() >= 4) {
      wanted =
          4 + (static_cast<std::size_t>(message[1]) << 16 | static_cast<std::size_t>(message[2]) << 8 | message[3]);
      if (wanted > kLongestHello) return {};
    }
    at += 5 + length;
    // The message ends with its record: what follows in it would be judged by nobody.
    if (message.size() > wanted) return {};
    if (at > stream.size() && message.size() < wanted) return out;
    if (at > stream.size()) return {};
  }
  out.state = ClientHello::State::Wrong;
  if (!read_body(Bytes(message).subspan(4), out)) return {};
  out.state = ClientHello::State::Whole;
  out.size = at;
  return out;
}

ServerHello read_server_hello(Bytes stream) {
  // SHA-256 of "HelloRetryRequest" (RFC 8446, 4.1.3).
  constexpr std::array<std::uint8_t, 32> kRetry{0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                                0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                                0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
  constexpr std::size_t kRandomAt = 5 + 4 + 2;
  if (!stream.empty() && stream[0] != kHandshake) return ServerHello::Other;
  if (stream.size() > 5 && stream[5] != 2) return ServerHello::Other;
  if (stream.size() < kRandomAt + kRetry.size()) return ServerHello::More;
  return std::equal(kRetry.begin(), kRetry.end(), stream.begin() + kRandomAt) ? ServerHello::Retry : ServerHello::Other;
}

}  // namespace assent::net
