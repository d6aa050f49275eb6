#include "decide/host_pattern.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

namespace assent::decide {

namespace {

using Failure = tl::unexpected<std::string>;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<unsigned> number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || value > most) return std::nullopt;
  return value;
}

bool same_bits(const AddressBytes& a, const AddressBytes& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
  return (a[whole] & mask) == (b[whole] & mask);
}

struct Ports {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;
};

tl::expected<Ports, std::string> parse_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash), 65535);
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1), 65535);
  if (!first || !last || *first == 0)
    return Failure("has a port that is not a number from 1 to 65535, or a range such as 8000-8100");
  if (*first > *last) return Failure("has a range of ports that ends before it begins");
  return Ports{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

bool is_label_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '*';
}

// "a.b.c" as a path "/c/b/a", so that globs work label by label and "*." can mean one label or more.
std::string reversed(std::string_view host) {
  std::string out;
  while (!host.empty()) {
    const auto dot = host.rfind('.');
    out += '/';
    out += dot == std::string_view::npos ? host : host.substr(dot + 1);
    host = dot == std::string_view::npos ? std::string_view{} : host.substr(0, dot);
  }
  return out;
}

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view text) {
  const std::string copy(text);
  AddressBytes out{};
  if (inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
  out = {};
  out[10] = out[11] = 0xFF;
  if (inet_pton(AF_INET, copy.c_str(), out.data() + 12) == 1) return out;
  return std::nullopt;
}

tl::expected<HostPattern, std::string> HostPattern::compile(std::string_view text, const Places& places) {
  HostPattern out;
  if (text.find('\0') != std::string_view::npos) return Failure("has a NUL byte");
  if (text.starts_with("unix:")) {
    const auto path = text.substr(5);
    if (path.empty() || (path[0] != '/' && path[0] != '@' && path[0] != '~' && path[0] != '$')) {
      return Failure("must have an absolute path or an abstract name (@name) after unix:");
    }
    // A connect is judged by the socket's real path, and /var/run is but another name of /run.
    const std::string real = path.starts_with("/var/run/") ? std::string(path.substr(4)) : std::string(path);
    auto glob = Pattern::compile(real, path[0] == '@' ? Pattern::Over::Argument : Pattern::Over::Path, places);
    if (!glob) return Failure(std::move(glob.error()));
    out.kind_ = Kind::Unix;
    out.glob_ = std::move(*glob);
    return out;
  }
  if (text.find("://") != std::string_view::npos) return Failure("is an address of a page; write host:port only");

  // Cut into host, /prefix and :ports.
  std::string_view host = text;
  std::string_view rest;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return Failure("has a [ without its ]");
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const auto end = text.find_first_of("/:");
    host = text.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : text.substr(end);
  }
  std::optional<unsigned> prefix;
  if (rest.starts_with('/')) {
    const auto colon = rest.find(':');
    prefix = number(rest.substr(1, colon == std::string_view::npos ? colon : colon - 1), 128);
    if (!prefix) return Failure("has a prefix length that is not a number from 0 to 128");
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon);
  }
  if (!rest.empty()) {
    if (rest.front() != ':') return Failure("has something other than :port after the host");
    if (!bracketed && rest.find(':', 1) != std::string_view::npos)
      return Failure("looks like IPv6; write it in brackets, as in [2001:db8::]/32 or [::1]:80");
    auto ports = parse_ports(rest.substr(1));
    if (!ports) return Failure(std::move(ports.error()));
    out.first_port_ = ports->first;
    out.last_port_ = ports->last;
  }

  if (const auto address = parse_address(host)) {
    out.kind_ = Kind::Range;
    out.network_ = *address;
    out.v4_ = !bracketed;
    if (bracketed != (host.find(':') != std::string_view::npos))
      return Failure("must have brackets around IPv6, and only there");
    const unsigned width = bracketed ? 128 : 32;
    if (prefix && *prefix > width) return Failure("has a prefix longer than the address");
    out.prefix_ = prefix.value_or(width) + (128 - width);
    AddressBytes masked = out.network_;
    for (unsigned b = out.prefix_; b < 128; ++b)
      masked[b / 8] = static_cast<std::uint8_t>(masked[b / 8] & ~(0x80U >> (b % 8)));
    if (masked != out.network_) return Failure("has bits set beyond its prefix; write the first address of the range");
    return out;
  }
  if (bracketed || prefix) return Failure("is not an address");
  if (host == "*") return out;

  std::string wanted = lower(host);
  if (wanted.ends_with('.')) wanted.pop_back();
  if (wanted.empty()) return Failure("has no host");
  if (wanted.size() > 253 || !std::all_of(wanted.begin(), wanted.end(), is_label_byte))
    return Failure("is neither a host name nor an address");
  if (wanted.find("..") != std::string::npos || wanted.starts_with('.'))
    return Failure("has an empty label; write *.example.org for everything below example.org");
  if (wanted.find_first_not_of("0123456789.") == std::string::npos)
    return Failure("is not an address; write all four numbers");
  if (wanted.find("**") != std::string::npos) return Failure("has ** in a host name; * is enough");
  const bool any_depth = wanted.starts_with("*.");
  std::string path = reversed(any_depth ? wanted.substr(2) : wanted);
  if (any_depth) path += "/**";
  auto glob = Pattern::compile(path, Pattern::Over::Path, Places{});
  if (!glob) return Failure(std::move(glob.error()));
  out.kind_ = Kind::Name;
  out.glob_ = std::move(*glob);
  return out;
}

bool HostPattern::is_loopback() const {
  if (kind_ != Kind::Range) return false;
  if (v4_) return network_[12] == 127 && prefix_ >= 104;
  AddressBytes one{};
  one[15] = 1;
  return prefix_ == 128 && network_ == one;
}

bool HostPattern::matches(const NetSubject& subject) const {
  if ((subject.protocol == NetSubject::Protocol::Unix) != (kind_ == Kind::Unix)) return false;
  if (kind_ == Kind::Unix) return glob_->matches(subject.address);
  if (subject.port < first_port_ || subject.port > last_port_) return false;
  switch (kind_) {
    case Kind::Any:
      return true;
    case Kind::Range: {
      const auto address = parse_address(subject.address);
      return address && same_bits(*address, network_, prefix_) &&
             (v4_ || subject.address.find(':') != std::string::npos);
    }
    case Kind::Name:
      return std::any_of(subject.names.begin(), subject.names.end(), [this](const std::string& seen) {
        std::string plain = lower(seen);
        if (plain.ends_with('.')) plain.pop_back();
        return glob_->matches(reversed(plain));
      });
    case Kind::Unix:
      return false;
  }
  return false;
}

}  // namespace assent::decide
