#include "net/no_names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace assent::net {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

struct Range {
  const char* first;
  unsigned bits;
};

// 168.63.129.16, 100.100.100.200 and 192.0.0.192 are what Azure, Alibaba and Oracle have in the place of
// 169.254.169.254.
constexpr std::array kIpv4{
    Range{"0.0.0.0", 8},        Range{"127.0.0.0", 8},        Range{"169.254.0.0", 16},
    Range{"168.63.129.16", 32}, Range{"100.100.100.200", 32}, Range{"192.0.0.192", 32},
};
// The last two are Amazon's and Google's.
constexpr std::array kIpv6{
    Range{"::", 128}, Range{"::1", 128}, Range{"fe80::", 10}, Range{"fd00:ec2::254", 128}, Range{"fd20:ce::254", 128},
};
// Addresses with four bytes of IPv4 in them, at the offset.
struct Clothes {
  Range range;
  std::size_t at;
};
constexpr std::array kClothes{
    Clothes{{"::ffff:0:0", 96}, 12},
    Clothes{{"::", 96}, 12},
    Clothes{{"64:ff9b::", 96}, 12},
    Clothes{{"2002::", 16}, 2},
};

bool within(int family, const std::uint8_t* bytes, const Range& range) {
  Bytes first{};
  ::inet_pton(family, range.first, first.data());
  for (unsigned bit = 0; bit < range.bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if ((bytes[bit / 8] & mask) != (first[bit / 8] & mask)) return false;
  }
  return true;
}

template <class Ranges>
bool in_any(int family, const std::uint8_t* bytes, const Ranges& ranges) {
  return std::ranges::any_of(ranges, [&](const Range& range) { return within(family, bytes, range); });
}

bool is_of_this_machine(int family, const std::uint8_t* bytes) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return true;  // it cannot be told
  bool found = false;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != family) continue;
    const void* own = family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    found = found || std::memcmp(own, bytes, family == AF_INET ? 4 : 16) == 0;
  }
  ::freeifaddrs(all);
  return found;
}

bool refused(int family, const std::uint8_t* bytes) {
  if (family == AF_INET) return in_any(family, bytes, kIpv4) || is_of_this_machine(family, bytes);
  for (const Clothes& one : kClothes) {
    if (within(family, bytes, one.range) && refused(AF_INET, bytes + one.at)) return true;
  }
  return in_any(family, bytes, kIpv6) || is_of_this_machine(family, bytes);
}

}  // namespace

bool takes_no_names(const std::string& address) {
  Bytes bytes{};
  if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return refused(AF_INET, bytes.data());
  return ::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1 || refused(AF_INET6, bytes.data());
}

}  // namespace assent::net
