// Addresses: what leads outside, and everything that does not.
#include "net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace assent::net {
namespace {

std::string v4(const char* address, std::uint16_t port, sa_family_t family = AF_INET) {
  sockaddr_in out{};
  out.sin_family = family;
  out.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, address, &out.sin_addr), 1);
  return {reinterpret_cast<const char*>(&out), sizeof out};
}

std::string v6(const char* address, std::uint16_t port, std::uint32_t scope = 0) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  out.sin6_scope_id = scope;
  EXPECT_EQ(::inet_pton(AF_INET6, address, &out.sin6_addr), 1);
  return {reinterpret_cast<const char*>(&out), sizeof out};
}

TEST(NetAddress, TellsWhereAnAddressLeads) {
  const auto four = outside(v4("198.51.100.2", 443), AF_INET);
  ASSERT_TRUE(four);
  EXPECT_EQ(four->text, "198.51.100.2");
  EXPECT_EQ(four->port, 443);
  EXPECT_EQ(four->length, sizeof(sockaddr_in));
  const auto six = outside(v6("2001:db8::1", 22), AF_INET6);
  ASSERT_TRUE(six);
  EXPECT_EQ(six->text, "2001:db8::1");
  EXPECT_EQ(six->port, 22);
}

TEST(NetAddress, TakesTheClothesOffAMappedAddress) {
  const auto mapped = outside(v6("::ffff:198.51.100.2", 80), AF_INET6);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->text, "198.51.100.2");
  EXPECT_EQ(mapped->address.ss_family, AF_INET6) << "but connects as it was asked";
  EXPECT_FALSE(outside(v6("::ffff:127.0.0.1", 80), AF_INET6));
  EXPECT_FALSE(outside(v6("::ffff:0.0.0.0", 80), AF_INET6));
}

TEST(NetAddress, LeavesToTheEmptyNetworkWhatIsNotCertainlyOutside) {
  for (const char* address :
       {"127.0.0.1", "127.9.9.9", "0.0.0.0", "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1"}) {
    EXPECT_FALSE(outside(v4(address, 80), AF_INET)) << address;
  }
  for (const char* address : {"::1", "::", "ff02::1", "fe80::1"})
    EXPECT_FALSE(outside(v6(address, 80, 2), AF_INET6)) << address;
  EXPECT_FALSE(outside(v4("198.51.100.2", 80), AF_INET6)) << "another family than the socket's";
  EXPECT_FALSE(outside(v6("2001:db8::1", 80), AF_INET));
  EXPECT_FALSE(outside(v4("198.51.100.2", 80, AF_UNSPEC), AF_INET));
  EXPECT_FALSE(outside(v4("198.51.100.2", 80), AF_UNIX));
}

TEST(NetAddress, WantsAsManyBytesAsTheKernel) {
  const std::string four = v4("198.51.100.2", 80);
  const std::string six = v6("2001:db8::1", 80);
  for (std::size_t n = 0; n < four.size(); ++n) EXPECT_FALSE(outside(four.substr(0, n), AF_INET)) << n;
  for (std::size_t n = 0; n < 24; ++n) EXPECT_FALSE(outside(six.substr(0, n), AF_INET6)) << n;
  EXPECT_TRUE(outside(six.substr(0, 24), AF_INET6)) << "RFC 2133 had no scope";
  EXPECT_TRUE(outside(four + std::string(100, 'x'), AF_INET));
}

TEST(NetAddress, CarriesNothingOverButAddressAndPort) {
  std::string padded = v4("198.51.100.2", 80);
  padded.replace(8, 8, "zerozero");
  sockaddr_in clean{};
  std::memcpy(&clean, &outside(padded, AF_INET)->address, sizeof clean);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(clean.sin_zero), 8), std::string(8, '\0'));
  sockaddr_in6 six{};
  std::memcpy(&six, &outside(v6("2001:db8::1", 80, 7), AF_INET6)->address, sizeof six);
  EXPECT_EQ(six.sin6_scope_id, 0U);
}

TEST(NetAddress, KnowsLoopback) {
  EXPECT_EQ(loopback(v4("127.0.0.1", 5432), AF_INET)->text, "127.0.0.1");
  EXPECT_EQ(loopback(v6("::1", 5432), AF_INET6)->port, 5432);
  EXPECT_EQ(loopback(v6("::ffff:127.1.2.3", 1), AF_INET6)->text, "127.1.2.3");
  EXPECT_FALSE(loopback(v4("0.0.0.0", 1), AF_INET));
  EXPECT_FALSE(loopback(v4("198.51.100.2", 1), AF_INET));
  EXPECT_FALSE(loopback(v6("2001:db8::1", 1), AF_INET6));
}

TEST(NetAddress, ExchangesTheAddressAndKeepsThePort) {
  const auto like = *outside(v4("198.18.1.0", 443), AF_INET);
  EXPECT_EQ(with_address(like, "192.0.2.5")->text, "192.0.2.5");
  EXPECT_EQ(with_address(like, "192.0.2.5")->port, 443);
  EXPECT_FALSE(with_address(like, "127.0.0.1")) << "a name must not lead back to loopback";
  EXPECT_FALSE(with_address(like, ""));
  const auto mapped = *with_address(*outside(v6("::ffff:198.18.1.0", 443), AF_INET6), "192.0.2.5");
  EXPECT_EQ(outside({reinterpret_cast<const char*>(&mapped.address), mapped.length}, AF_INET6)->text, "192.0.2.5");
  const auto like6 = *outside(v6("fd61:7373:656e:7400::c612:100", 443), AF_INET6);
  EXPECT_EQ(with_address(like6, "2001:db8::5")->text, "2001:db8::5");
  EXPECT_EQ(with_address(like6, "2001:db8::5")->port, 443);
  const auto clothed = *with_address(like6, "192.0.2.5");
  EXPECT_EQ(outside({reinterpret_cast<const char*>(&clothed.address), clothed.length}, AF_INET6)->text, "192.0.2.5");
  EXPECT_EQ(with_address(like, "2001:db8::5")->address.ss_family, AF_INET6);
  for (const char* home : {"::1", "fe80::1", "::ffff:127.0.0.1", "::"}) EXPECT_FALSE(with_address(like6, home)) << home;
}

TEST(NetAddress, ThePlaceIsTheSameWhateverStandsInTheGaps) {
  auto one = v4("192.0.2.5", 443);
  auto other = one;
  other[12] = 'x';
  EXPECT_EQ(place_of(one), place_of(other));
  EXPECT_NE(place_of(one), place_of(v4("192.0.2.5", 444)));
  EXPECT_NE(place_of(one), place_of(v4("192.0.2.6", 443)));
  auto six = v6("2001:db8::5", 443);
  auto flow = six;
  flow[5] = 'x';  // the flow label
  EXPECT_EQ(place_of(six), place_of(flow));
  EXPECT_EQ(place_of(six), place_of(six.substr(0, 24)));
  EXPECT_NE(place_of(six), place_of(v6("2001:db8::6", 443)));
  EXPECT_EQ(place_of("x"), "x");
}

TEST(NetAddress, SeesADisconnect) {
  EXPECT_TRUE(disconnects(std::string(16, '\0')));
  EXPECT_TRUE(disconnects(std::string(2, '\0')));
  EXPECT_FALSE(disconnects(std::string(1, '\0')));
  EXPECT_FALSE(disconnects(v4("198.51.100.2", 80)));
}

TEST(NetAddress, ReadsAUnixPathAsTheKernelDoes) {
  const auto unix_address = [](std::string_view path) { return std::string("\1\0", 2) + std::string(path); };
  EXPECT_EQ(unix_path(unix_address("/run/x")), "/run/x");
  EXPECT_EQ(unix_path(unix_address(std::string_view("/run/x\0rest", 11))), "/run/x");
  EXPECT_EQ(unix_path(unix_address(std::string(108, 'a'))), std::string(108, 'a')) << "without a NUL at the end";
  EXPECT_FALSE(unix_path(unix_address(std::string(109, 'a'))));
  EXPECT_FALSE(unix_path(unix_address("")));
  EXPECT_FALSE(unix_path(unix_address(std::string_view("\0abstract", 9))));
  EXPECT_FALSE(unix_path(v4("198.51.100.2", 80)));
}

}  // namespace
}  // namespace assent::net
