// The server name in a TLS hello, however it comes in pieces; and what is not one.
#include <gtest/gtest.h>

#include "net/client_hello.h"
#include "net/hello_gate.h"
#include "support/tls_hello.h"

namespace assent::net {
namespace {

using tls_test::Bytes;
using tls_test::extension;
using tls_test::hello;
using tls_test::records;
using tls_test::server_name;
using State = ClientHello::State;

ClientHello read(const Bytes& bytes) { return read_client_hello(bytes); }

TEST(ClientHelloTest, TheNameIsReadInLowerCaseWithoutItsDot) {
  const auto out = read(records(hello(server_name("API.Example.org"))));
  EXPECT_EQ(out.state, State::Whole);
  EXPECT_EQ(out.server_name, "api.example.org");
  EXPECT_FALSE(out.hides_name);
}

TEST(ClientHelloTest, ItMayLieInManyRecordsAndComeByteByByte) {
  for (const std::size_t piece : {1, 2, 3, 5, 50, 16384}) {
    const Bytes stream = records(hello(server_name("a.example")), piece);
    for (std::size_t size = 0; size < stream.size(); ++size)
      EXPECT_EQ(read(Bytes(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size))).state, State::More)
          << piece << " " << size;
    EXPECT_EQ(read(stream).server_name, "a.example") << piece;
    EXPECT_EQ(read(stream).size, stream.size());
  }
}

TEST(ClientHelloTest, WhatFollowsItIsNotPartOfIt) {
  Bytes stream = records(hello(server_name("a.example")));
  const std::size_t size = stream.size();
  stream.insert(stream.end(), {20, 3, 3, 0, 1, 1});
  EXPECT_EQ(read(stream).size, size);
}

TEST(ClientHelloTest, NoNameIsNoName) {
  EXPECT_EQ(read(records(hello({}))).state, State::Whole);
  EXPECT_EQ(read(records(hello({}))).server_name, "");
}

TEST(ClientHelloTest, AnEncryptedHelloHidesItsName) {
  for (const int type : {0xfe0d, 0xffce}) {
    Bytes extensions = server_name("a.example");
    const Bytes more = extension(type, {0, 1, 2});
    extensions.insert(extensions.end(), more.begin(), more.end());
    EXPECT_TRUE(read(records(hello(extensions))).hides_name) << type;
  }
}

TEST(ClientHelloTest, WhatTwoReadersCouldReadDifferentlyIsWrong) {
  Bytes twice = server_name("a.example");
  const Bytes more = server_name("b.example");
  twice.insert(twice.end(), more.begin(), more.end());
  EXPECT_EQ(read(records(hello(twice))).state, State::Wrong) << "two extensions";
  EXPECT_EQ(read(records(hello(extension(0, {0, 12, 0, 0, 3, 'a', '.', 'b', 0, 0, 3, 'c', '.', 'd'})))).state,
            State::Wrong)
      << "two names";
  EXPECT_EQ(read(records(hello(server_name(std::string("a\0.example", 10))))).state, State::Wrong) << "a zero byte";
  EXPECT_EQ(read(records(hello(server_name("")))).state, State::Wrong);
  EXPECT_EQ(read(records(hello(extension(0, {0, 9, 0, 0, 3, 'a', '.', 'b'})))).state, State::Wrong) << "a wrong length";
  Bytes two = hello(server_name("a.example"));
  two.insert(two.end(), {11, 0, 0, 0});
  EXPECT_EQ(read(records(two)).state, State::Wrong) << "another message in its record";
}

TEST(ClientHelloTest, OtherProtocolsAreNoHello) {
  for (const char* text : {"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x80\x2e\x01\x00\x02",
                           "\x15\x03\x01\x00\x02\x01\x00", "\x16\x02\x01"}) {
    const std::string_view all(text);
    EXPECT_EQ(read(Bytes(all.begin(), all.end())).state, State::Wrong) << text;
  }
  EXPECT_EQ(read({22, 3, 1, 0, 0}).state, State::Wrong) << "an empty record";
  EXPECT_EQ(read({22, 3, 1, 0, 4, 2, 0, 0, 0}).state, State::Wrong) << "a server's hello";
  EXPECT_EQ(read({22, 3, 1, 0, 4, 1, 0xff, 0, 0}).state, State::Wrong) << "a huge one";
}

struct Gated {
  std::string told = "nothing yet";
  HelloGate gate{{"a.example"}, [this](const std::string& why) { told = why; }};
  Bytes client, server;
  Pump::Step step(bool ended = false) { return gate(client, server, ended); }
  void say(const Bytes& more) { client.insert(client.end(), more.begin(), more.end()); }
};

TEST(HelloGateTest, AnAllowedNameGoesOnAndTheRestWaitsForTheServer) {
  Gated one;
  one.say(records(hello(server_name("a.example"))));
  const std::size_t size = one.client.size();
  one.say({23, 3, 3, 0, 1, 0});
  EXPECT_EQ(one.step().look, Pump::Look::More);
  EXPECT_EQ(one.step().release, size);
  one.server = tls_test::server_hello(0x11);
  EXPECT_EQ(one.step().look, Pump::Look::Pass);
  EXPECT_EQ(one.told, "");
}

TEST(HelloGateTest, ASecondHelloThatTheServerAskedForIsLookedAtToo) {
  for (const char* name : {"a.example", "b.example"}) {
    Gated one;
    one.say(records(hello(server_name("a.example"))));
    EXPECT_EQ(one.step().look, Pump::Look::More);
    one.server = tls_test::retry_request();
    EXPECT_EQ(one.step().look, Pump::Look::More);
    one.say({20, 3, 3, 0, 1, 1});
    EXPECT_EQ(one.step().look, Pump::Look::More);
    one.say(records(hello(server_name(name)), 7));
    EXPECT_EQ(one.step().look, name[0] == 'a' ? Pump::Look::Pass : Pump::Look::Refuse) << name;
  }
}

// OpenSSL passes over warnings in the middle of a handshake (measured: a "user_canceled" before the second hello).
TEST(HelloGateTest, AWarningBeforeTheSecondHelloDoesNotLetItPassUnseen) {
  for (const char* name : {"a.example", "b.example"}) {
    Gated one;
    one.say(records(hello(server_name("a.example"))));
    EXPECT_EQ(one.step().look, Pump::Look::More);
    one.server = tls_test::retry_request();
    one.say({21, 3, 3, 0, 2, 1, 90});
    EXPECT_EQ(one.step().look, Pump::Look::More);
    EXPECT_EQ(one.step().release, one.client.size()) << "the warning itself goes on";
    one.say(records(hello(server_name(name))));
    EXPECT_EQ(one.step().look, name[0] == 'a' ? Pump::Look::Pass : Pump::Look::Refuse) << name;
  }
}

TEST(HelloGateTest, ARecordOfNoKnownKindInsteadOfTheSecondHelloIsRefused) {
  Gated one;
  one.say(records(hello(server_name("a.example"))));
  EXPECT_EQ(one.step().look, Pump::Look::More);
  one.server = tls_test::retry_request();
  one.say({24, 3, 3, 0, 2, 1, 90});
  EXPECT_EQ(one.step().look, Pump::Look::Refuse);
}

TEST(HelloGateTest, EverythingElseIsRefusedWithAReason) {
  const std::vector<std::pair<Bytes, const char*>> cases{
      {records(hello(server_name("b.example"))), "b.example"},
      {records(hello({})), "names no server"},
      {records(hello(extension(0xfe0d, {0}))), "hides"},
      {{'G', 'E', 'T'}, "does not begin"},
  };
  for (const auto& [bytes, why] : cases) {
    Gated one;
    one.say(bytes);
    EXPECT_EQ(one.step().look, Pump::Look::Refuse) << why;
    EXPECT_NE(one.told.find(why), std::string::npos) << one.told;
  }
  Gated ended;
  ended.say({22, 3});
  EXPECT_EQ(ended.step(true).look, Pump::Look::Refuse);
}

}  // namespace
}  // namespace assent::net
