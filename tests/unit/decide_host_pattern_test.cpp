#include "decide/host_pattern.h"

#include <gtest/gtest.h>

namespace assent::decide {
namespace {

const Places kPlaces{"/home/u/p", "/home/u", "/tmp", "1000"};

NetSubject tcp(std::string address, std::uint16_t port, std::vector<std::string> names = {}) {
  return {NetSubject::Protocol::Tcp, std::move(address), port, std::move(names)};
}

bool matches(std::string_view pattern, const NetSubject& subject) {
  const auto compiled = HostPattern::compile(pattern, kPlaces);
  EXPECT_TRUE(compiled) << pattern << ": " << (compiled ? "" : compiled.error());
  return compiled && compiled->matches(subject);
}

bool refused(std::string_view pattern) { return !HostPattern::compile(pattern, kPlaces); }

TEST(HostPattern, AddressesAndRangesMatchByBits) {
  EXPECT_TRUE(matches("10.0.0.0/8", tcp("10.200.3.4", 80)));
  EXPECT_FALSE(matches("10.0.0.0/8", tcp("11.0.0.1", 80)));
  EXPECT_TRUE(matches("192.0.2.4/30", tcp("192.0.2.7", 80)));
  EXPECT_FALSE(matches("192.0.2.4/30", tcp("192.0.2.8", 80)));
  EXPECT_TRUE(matches("192.0.2.7", tcp("192.0.2.7", 1)));
  EXPECT_TRUE(matches("[2001:db8::]/32", tcp("2001:db8:1::1", 443)));
  EXPECT_FALSE(matches("[2001:db8::]/32", tcp("2001:db9::1", 443)));
  EXPECT_TRUE(matches("[::1]:8080", tcp("::1", 8080)));
  EXPECT_FALSE(matches("[::1]:8080", tcp("::1", 8081)));
  EXPECT_TRUE(matches("0.0.0.0/0", tcp("203.0.113.9", 80)));
  EXPECT_FALSE(matches("0.0.0.0/0", tcp("2001:db8::1", 80)));
}

TEST(HostPattern, AV4AddressInV6ClothesIsStillTheV4Address) {
  EXPECT_TRUE(matches("10.0.0.0/8", tcp("::ffff:10.0.0.1", 80)));
}

TEST(HostPattern, PortsCanBeOneARangeOrAny) {
  EXPECT_TRUE(matches("192.0.2.7:22", tcp("192.0.2.7", 22)));
  EXPECT_FALSE(matches("192.0.2.7:22", tcp("192.0.2.7", 23)));
  EXPECT_TRUE(matches("example.org:8000-8100", tcp("", 8050, {"example.org"})));
  EXPECT_FALSE(matches("example.org:8000-8100", tcp("", 8101, {"example.org"})));
  EXPECT_TRUE(matches("10.0.0.0/8:443", tcp("10.1.1.1", 443)));
  EXPECT_FALSE(matches("10.0.0.0/8:443", tcp("10.1.1.1", 80)));
  EXPECT_TRUE(matches("*:443", tcp("203.0.113.9", 443)));
}

TEST(HostPattern, NamesMatchWithoutCaseAndLabelByLabel) {
  EXPECT_TRUE(matches("api.example.org:443", tcp("", 443, {"API.Example.ORG."})));
  EXPECT_TRUE(matches("*.npmjs.org", tcp("", 443, {"registry.npmjs.org"})));
  EXPECT_TRUE(matches("*.npmjs.org", tcp("", 443, {"a.b.npmjs.org"})));
  EXPECT_FALSE(matches("*.npmjs.org", tcp("", 443, {"npmjs.org"})));
  EXPECT_FALSE(matches("*.npmjs.org", tcp("", 443, {"evilnpmjs.org"})));
  EXPECT_FALSE(matches("*.npmjs.org", tcp("", 443, {"npmjs.org.evil.net"})));
  EXPECT_TRUE(matches("api-*.example.org", tcp("", 443, {"api-2.example.org"})));
  EXPECT_FALSE(matches("api-*.example.org", tcp("", 443, {"api-2.x.example.org"})));
  EXPECT_FALSE(matches("example.org", tcp("192.0.2.1", 443)));
  EXPECT_FALSE(matches("example.org", tcp("", 443, {"example.org/x", "a/example.org"})));
}

TEST(HostPattern, UnixSocketsAreAWorldOfTheirOwn) {
  const NetSubject bus{NetSubject::Protocol::Unix, "/run/user/1000/bus", 0, {}};
  const NetSubject abstract{NetSubject::Protocol::Unix, "@name", 0, {}};
  EXPECT_TRUE(matches("unix:/run/user/*/bus", bus));
  EXPECT_TRUE(matches("unix:/run/user/${UID}/bus", bus));
  EXPECT_TRUE(matches("unix:/var/run/user/*/bus", bus)) << "another name of /run";
  EXPECT_FALSE(matches("unix:/run/*/bus", bus));
  EXPECT_TRUE(matches("unix:@na*", abstract));
  EXPECT_FALSE(matches("unix:@name", {NetSubject::Protocol::Unix, "/x/@name", 0, {}}));
  EXPECT_FALSE(matches("unix:/**", abstract));
  EXPECT_FALSE(matches("*", bus));
  EXPECT_FALSE(matches("unix:/**", tcp("/run/x", 0)));
}

TEST(HostPattern, WhatIsNoHostIsAnError) {
  for (const auto* text : {"",
                           ":443",
                           "host:",
                           "host:0",
                           "host:70000",
                           "host:9-8",
                           "10.0.0.0/33",
                           "10.0.0.1/8",
                           "1.2.3",
                           "2001:db8::1",
                           "[2001:db8::",
                           "[2001:db8::]/129",
                           "[1.2.3.4]",
                           "https://example.org",
                           "a..b",
                           ".org",
                           "exa mple",
                           "unix:bus",
                           "unix:",
                           "example.org/8",
                           "[::1]80",
                           "unix:/a[",
                           "a**b"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

}  // namespace
}  // namespace assent::decide
