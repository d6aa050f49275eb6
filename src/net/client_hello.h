// The server name that a TLS client asks for, out of its first message. In: the bytes as they came, in however many
// records and segments. Out: the name, or why there is none. Never: reads beyond what it was given, or more than a
// bounded number of bytes; takes anything for a hello that is not well formed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace assent::net {

struct ClientHello {
  enum class State {
    More,  // well formed so far, and not whole
    Whole,
    Wrong,  // no ClientHello, a malformed one, or a longer one than anybody sends
  };
  State state = State::Wrong;
  std::size_t size = 0;     // Whole: bytes of the stream that it took, records included
  std::string server_name;  // lower case, without a dot at the end; empty: none given
  bool hides_name = false;  // an encrypted hello (ECH, ESNI): the name it means cannot be read
};

inline constexpr std::size_t kLongestHello = 65536;

ClientHello read_client_hello(std::span<const std::uint8_t> stream);

// Whether the server's first bytes ask the client for another hello (HelloRetryRequest).
enum class ServerHello { More, Retry, Other };
ServerHello read_server_hello(std::span<const std::uint8_t> stream);

}  // namespace assent::net
