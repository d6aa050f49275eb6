// TLS hellos made by hand, as whole as the tests need them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assent::tls_test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes number(std::size_t value, int size) {
  Bytes out;
  for (int i = size - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  return out;
}

inline void add(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

// With its length, a number of `size` bytes, before it.
inline Bytes counted(const Bytes& content, int size) {
  Bytes out = number(content.size(), size);
  add(out, content);
  return out;
}

inline Bytes extension(int type, const Bytes& content) {
  Bytes out = number(static_cast<std::size_t>(type), 2);
  add(out, counted(content, 2));
  return out;
}

inline Bytes server_name(const std::string& name) {
  Bytes entry{0};
  add(entry, counted(Bytes(name.begin(), name.end()), 2));
  return extension(0, counted(entry, 2));
}

inline Bytes message(std::uint8_t type, const Bytes& body) {
  Bytes out{type};
  add(out, counted(body, 3));
  return out;
}

inline Bytes hello(const Bytes& extensions) {
  Bytes body{3, 3};
  body.resize(2 + 32, 0x5a);
  add(body, {0});            // no session
  add(body, {0, 2, 19, 1});  // one cipher
  add(body, {1, 0});         // no compression
  add(body, counted(extensions, 2));
  return message(1, body);
}

// In records of at most `piece` bytes.
inline Bytes records(const Bytes& content, std::size_t piece = 16384) {
  Bytes out;
  for (std::size_t at = 0; at < content.size(); at += piece) {
    const std::size_t size = std::min(piece, content.size() - at);
    add(out, {22, 3, 1});
    add(out, counted(Bytes(content.begin() + static_cast<std::ptrdiff_t>(at),
                           content.begin() + static_cast<std::ptrdiff_t>(at + size)),
                     2));
  }
  return out;
}

inline Bytes server_hello(std::uint8_t random) {
  Bytes body{3, 3};
  body.resize(2 + 32, random);
  add(body, {0, 19, 1, 0});
  return records(message(2, body));
}

inline Bytes retry_request() {
  const Bytes random{0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                     0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
  Bytes body{3, 3};
  add(body, random);
  add(body, {0, 19, 1, 0});
  return records(message(2, body));
}

}  // namespace assent::tls_test
