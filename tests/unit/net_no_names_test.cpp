#include "net/no_names.h"

#include <gtest/gtest.h>

#include "net/name_memory.h"

namespace assent::net {
namespace {

TEST(NoNames, LeadToCredentialsOfTheMachineNorToItself) {
  for (const char* address :
       {"169.254.169.254", "169.254.0.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "127.0.0.1", "127.8.9.1",
        "0.0.0.0", "0.1.2.3", "::", "::1", "fe80::1", "febf::1", "fd00:ec2::254", "fd20:ce::254"})
    EXPECT_TRUE(takes_no_names(address)) << address;
}

TEST(NoNames, LeadThereInIpv6ClothesEither) {
  for (const char* address : {"::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254",
                              "::ffff:127.0.0.1", "64:ff9b::7f00:1"})
    EXPECT_TRUE(takes_no_names(address)) << address;
}

TEST(NoNames, EverywhereElseTheyLead) {
  for (const char* address :
       {"198.51.100.2", "10.1.2.3", "192.168.7.8", "100.100.100.201", "169.253.255.255", "169.255.0.0", "1.1.1.1",
        "2001:db8::1", "fd00:ec2::253", "64:ff9b::c633:6402", "2002:c633:6402::1", "fec0::1"})
    EXPECT_FALSE(takes_no_names(address)) << address;
}

TEST(NoNames, WhatIsNoAddressTakesNone) {
  EXPECT_TRUE(takes_no_names(""));
  EXPECT_TRUE(takes_no_names("metadata"));
}

TEST(NoNames, AreRememberedForSuchAnAddress) {
  NameMemory memory;
  memory.learn("169.254.169.254", "rebound.example");
  memory.learn("198.51.100.2", "plain.example");
  EXPECT_TRUE(memory.names("169.254.169.254").empty());
  EXPECT_EQ(memory.names("198.51.100.2").size(), 1U);
}

}  // namespace
}  // namespace assent::net
