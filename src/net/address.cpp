#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace assent::net {

namespace {

// sockaddr_in6 without the scope, as RFC 2133 had it; the kernel takes it still.
constexpr std::size_t kShortestInet6 = offsetof(sockaddr_in6, sin6_scope_id);

template <class T>
T read(std::string_view bytes) {
  T out{};
  std::memcpy(&out, bytes.data(), std::min(bytes.size(), sizeof out));
  return out;
}

std::optional<sa_family_t> family_of(std::string_view address) {
  if (address.size() < sizeof(sa_family_t)) return std::nullopt;
  return read<sa_family_t>(address);
}

bool leads_outside(in_addr_t network_order) {
  const std::uint32_t a = ntohl(network_order);
  const std::uint32_t first = a >> 24;
  return a != 0 && first != 127 && first < 224 && a != 0xffffffff;
}

std::string text_of(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  return ::inet_ntop(family, bytes, out.data(), out.size()) == nullptr ? std::string() : std::string(out.data());
}

template <class T>
void put(Outside& out, const T& address) {
  std::memcpy(&out.address, &address, sizeof address);
  out.length = sizeof address;
}

// Any address of the family; only address and port are taken over.
std::optional<Outside> read_inet(std::string_view address, int domain) {
  const auto family = family_of(address);
  if (!family || *family != domain) return std::nullopt;
  Outside out;
  if (domain == AF_INET) {
    if (address.size() < sizeof(sockaddr_in)) return std::nullopt;
    const auto in = read<sockaddr_in>(address);
    sockaddr_in clean{};
    clean.sin_family = AF_INET;
    clean.sin_port = in.sin_port;
    clean.sin_addr = in.sin_addr;
    put(out, clean);
    out.text = text_of(AF_INET, &clean.sin_addr);
    out.port = ntohs(clean.sin_port);
    return out;
  }
  if (domain != AF_INET6 || address.size() < kShortestInet6) return std::nullopt;
  const auto in = read<sockaddr_in6>(address);
  sockaddr_in6 clean{};
  clean.sin6_family = AF_INET6;
  clean.sin6_port = in.sin6_port;
  clean.sin6_addr = in.sin6_addr;
  put(out, clean);
  out.port = ntohs(clean.sin6_port);
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&clean.sin6_addr);
  out.text = mapped ? text_of(AF_INET, clean.sin6_addr.s6_addr + 12) : text_of(AF_INET6, &clean.sin6_addr);
  return out;
}

bool leads_outside(const Outside& to) {
  if (to.address.ss_family == AF_INET)
    return leads_outside(reinterpret_cast<const sockaddr_in&>(to.address).sin_addr.s_addr);
  const in6_addr& a = reinterpret_cast<const sockaddr_in6&>(to.address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&a)) {
    in_addr_t v4 = 0;
    std::memcpy(&v4, a.s6_addr + 12, sizeof v4);
    return leads_outside(v4);
  }
  return !IN6_IS_ADDR_UNSPECIFIED(&a) && !IN6_IS_ADDR_LOOPBACK(&a) && !IN6_IS_ADDR_MULTICAST(&a) &&
         !IN6_IS_ADDR_LINKLOCAL(&a);
}

}  // namespace

std::optional<Outside> outside(std::string_view address, int domain) {
  auto out = read_inet(address, domain);
  return out && leads_outside(*out) ? out : std::nullopt;
}

std::optional<Outside> loopback(std::string_view address, int domain) {
  auto out = read_inet(address, domain);
  return out && (out->text.starts_with("127.") || out->text == "::1") ? out : std::nullopt;
}

std::optional<Outside> with_address(const Outside& like, const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  const bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, address.c_str(), &v6) != 1) return std::nullopt;
  Outside out;
  out.text = address;
  out.port = like.port;
  if (is_v4 && like.address.ss_family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(like.port);
    in.sin_addr = v4;
    put(out, in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(like.port);
    in.sin6_addr = v6;
    if (is_v4) {
      in.sin6_addr.s6_addr[10] = in.sin6_addr.s6_addr[11] = 0xff;
      std::memcpy(in.sin6_addr.s6_addr + 12, &v4, sizeof v4);
    }
    put(out, in);
  }
  return leads_outside(out) ? std::optional(out) : std::nullopt;
}

std::string place_of(std::string_view address) {
  const auto family = family_of(address);
  if (family == AF_INET && address.size() >= sizeof(sockaddr_in)) {
    return std::string(address.substr(0, offsetof(sockaddr_in, sin_zero)));
  }
  if (family != AF_INET6 || address.size() < kShortestInet6) return std::string(address);
  std::string out(address.substr(0, offsetof(sockaddr_in6, sin6_flowinfo)));
  return out += address.substr(offsetof(sockaddr_in6, sin6_addr), sizeof(in6_addr));
}

bool disconnects(std::string_view address) { return family_of(address) == AF_UNSPEC; }

std::optional<std::string> unix_path(std::string_view address) {
  constexpr std::size_t kName = offsetof(sockaddr_un, sun_path);
  if (address.size() <= kName || address.size() > sizeof(sockaddr_un) || family_of(address) != AF_UNIX)
    return std::nullopt;
  const std::string_view name = address.substr(kName);
  if (name.front() == '\0') return std::nullopt;
  return std::string(name.substr(0, name.find('\0')));
}

}  // namespace assent::net
