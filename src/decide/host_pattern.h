// HostPattern: one entry of a [[net]] rule's `hosts`.
//
//   api.example.org:443   *.npmjs.org   *           names (case does not matter; "*." is one label or more), any
//   address 10.0.0.0/8  192.0.2.7:22  [2001:db8::]/32:443   addresses and ranges; IPv6 in brackets host:8000-8100 a
//   range of ports; without a port: every port unix:/run/user/*/bus  unix:@name                a socket's path (glob),
//   or an abstract one
#pragma once

#include <tl/expected.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "assent/request.h"
#include "decide/pattern.h"

namespace assent::decide {

// An address as 16 bytes; IPv4 as ::ffff:a.b.c.d.
using AddressBytes = std::array<std::uint8_t, 16>;
std::optional<AddressBytes> parse_address(std::string_view text);

class HostPattern {
 public:
  // Error: one sentence without the text itself.
  static tl::expected<HostPattern, std::string> compile(std::string_view text, const Places& places);

  // A name matches when any of the names last seen for the address does.
  [[nodiscard]] bool matches(const NetSubject& subject) const;

  // An address or a range of loopback, written as such (not "*").
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::uint16_t first_port() const { return first_port_; }
  [[nodiscard]] std::uint16_t last_port() const { return last_port_; }

 private:
  enum class Kind { Any, Name, Range, Unix };

  Kind kind_ = Kind::Any;
  std::optional<Pattern> glob_;  // Name: over a lower-case name; Unix: over the path
  AddressBytes network_{};
  unsigned prefix_ = 128;  // bits of network_ that count
  bool v4_ = false;
  std::uint16_t first_port_ = 0;
  std::uint16_t last_port_ = 65535;
};

}  // namespace assent::decide
