// The resolver: messages, memory, and the server on sockets of its own with a name server behind it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "net/dns_message.h"
#include "net/name_memory.h"
#include "net/name_server.h"
#include "net/upstream.h"

namespace assent::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes query(const std::string& name, std::uint16_t type, bool edns = false) {
  Bytes out{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(edns ? 1 : 0)};
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    out.push_back(static_cast<std::uint8_t>(end - at));
    out.insert(out.end(), name.begin() + static_cast<long>(at), name.begin() + static_cast<long>(end));
    at = end + 1;
  }
  for (const int byte : {0, type >> 8, type & 255, 0, 1}) out.push_back(static_cast<std::uint8_t>(byte));
  if (edns) {
    for (const int byte : {0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0}) out.push_back(static_cast<std::uint8_t>(byte));
  }
  return out;
}

int rcode(const Bytes& answer) { return answer.at(3) & 15; }
int answers(const Bytes& answer) { return answer.at(6) << 8 | answer.at(7); }
bool cut(const Bytes& answer) { return (answer.at(2) & 2) != 0; }

TEST(NetNames, ReadsAQuestion) {
  const auto four = DnsQuery::read(query("Api.Example.org", 1));
  ASSERT_TRUE(four);
  EXPECT_EQ(plain_name(four->name()), "api.example.org");
  EXPECT_EQ(four->asked(), Asked::Ipv4);
  EXPECT_EQ(four->room(), 512U);
  EXPECT_EQ(DnsQuery::read(query("a.b", 28))->asked(), Asked::Ipv6);
  EXPECT_EQ(DnsQuery::read(query("a.b", 16))->asked(), Asked::Other);
  EXPECT_GT(DnsQuery::read(query("a.b", 1, true))->room(), 512U);
}

TEST(NetNames, TakesNothingElseForAQuestion) {
  const Bytes whole = query("a.example.org", 1);
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(DnsQuery::read({whole.data(), n})) << n;
  Bytes response = whole;
  response[2] |= 0x80;
  EXPECT_FALSE(DnsQuery::read(response));
  Bytes update = whole;
  update[2] |= 5 << 3;
  EXPECT_FALSE(DnsQuery::read(update));
  Bytes loop = whole;
  loop[12] = 0xc0;
  loop[13] = 12;
  EXPECT_FALSE(DnsQuery::read(loop)) << "a name that points to itself";
}

TEST(NetNames, WritesAnswers) {
  const auto asked = *DnsQuery::read(query("a.example.org", 1, true));
  const Bytes found = asked.answer(DnsQuery::Code::Fine, {{"192.0.2.7", 30}, {"192.0.2.8", 30}}, {}, 512);
  EXPECT_EQ(rcode(found), 0);
  EXPECT_EQ(answers(found), 2);
  const Bytes no = asked.answer(DnsQuery::Code::NoSuchName, {}, "assent: a rule denies it", 512);
  EXPECT_EQ(rcode(no), 3);
  EXPECT_EQ(answers(no), 0);
  EXPECT_EQ(no.at(9), 1) << "an SOA, so that the no is remembered";
  EXPECT_NE(std::string(no.begin(), no.end()).find("assent: a rule denies it"), std::string::npos);
  const Bytes cut_off = asked.answer(DnsQuery::Code::Fine, std::vector<Found>(40, {"192.0.2.7", 30}), {}, 512);
  EXPECT_TRUE(cut(cut_off));
  EXPECT_LE(cut_off.size(), 512U);
}

TEST(NetNames, AreHostNamesOnly) {
  EXPECT_EQ(plain_name("A.B."), "a.b");
  EXPECT_EQ(plain_name("_srv.x-1.org"), "_srv.x-1.org");
  for (const char* bad : {"", ".", "a b", "a\\.b", "caf\xc3\xa9.org", "a/b", "a\nb"})
    EXPECT_FALSE(plain_name(bad)) << bad;
  EXPECT_FALSE(plain_name(std::string(254, 'a')));
}

TEST(NetNames, AreRememberedForTheirAddress) {
  NameMemory memory;
  memory.learn("192.0.2.1", "old.test");
  memory.learn("192.0.2.1", "new.test");
  EXPECT_EQ(memory.names("192.0.2.1"), (std::vector<std::string>{"new.test", "old.test"}));
  memory.learn("192.0.2.1", "old.test");
  EXPECT_EQ(memory.names("192.0.2.1").front(), "old.test");
  EXPECT_TRUE(memory.names("192.0.2.2").empty());
  for (int i = 0; i < 100; ++i) memory.learn("192.0.2.1", std::to_string(i));
  EXPECT_LE(memory.names("192.0.2.1").size(), 8U);
  for (int i = 0; i < 40000; ++i) memory.learn("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), "x");
  EXPECT_TRUE(memory.names("192.0.2.1").empty()) << "bounded: the oldest goes";
}

TEST(NetNames, HaveOneStandInEach) {
  NameMemory memory;
  const auto first = memory.stand_in("a.test");
  ASSERT_TRUE(first);
  EXPECT_EQ(memory.stand_in("a.test"), first);
  EXPECT_NE(memory.stand_in("b.test"), first);
  const in_addr raw{htonl(*first)};
  EXPECT_EQ(memory.behind(::inet_ntoa(raw)), "a.test");
  EXPECT_FALSE(memory.behind("198.18.0.1"));
  EXPECT_FALSE(memory.behind("198.19.255.255"));
  EXPECT_FALSE(memory.behind("2001:db8::1"));
  EXPECT_EQ(memory.behind(NameMemory::text_of(*first)), "a.test");
  EXPECT_EQ(NameMemory::text_of_ipv6(*first), "fd61:7373:656e:7400::c612:100");
  EXPECT_EQ(memory.behind(NameMemory::text_of_ipv6(*first)), "a.test");
  EXPECT_FALSE(memory.behind("fd61:7373:656e:7400::1")) << "the sandbox's own";
  EXPECT_FALSE(memory.behind("fd61:7373:656e:7400::1:c612:100"));
}

// A server on a port of its own, and a name server that knows one.test and is silent about silent.test.
class NetNameServer : public ::testing::Test {
 protected:
  static sockaddr_in bind_to_loopback(int fd) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return address;
  }
  void SetUp() override {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    loop_.emplace(std::move(*loop));
    far_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_in far = bind_to_loopback(far_.get());
    ASSERT_TRUE(loop_->add(far_.get(), EPOLLIN, [this](std::uint32_t) { answer_as_name_server(); }));
    auto upstream = Upstream::create(*loop_, "127.0.0.1:" + std::to_string(ntohs(far.sin_port)));
    ASSERT_TRUE(upstream);
    upstream_ = std::move(*upstream);
    UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    UniqueFd stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    address_ = bind_to_loopback(datagrams.get());
    stream_address_ = bind_to_loopback(stream.get());
    ::listen(stream.get(), 10);
    const auto rule = [](const std::string& name) {
      if (name.starts_with("ask")) return Ruled{Treatment::StandIn, {}};
      return name.starts_with("no") ? Ruled{Treatment::Refuse, "no"} : Ruled{Treatment::Resolve, {}};
    };
    auto server = NameServer::create({*loop_, *upstream_, memory_, std::move(datagrams), std::move(stream), rule,
                                      [this](const std::string& name) { refused_.push_back(name); }});
    ASSERT_TRUE(server);
    server_ = std::move(*server);
    client_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  void answer_as_name_server() {
    Bytes buffer(1500);
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t size =
        ::recvfrom(far_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0) return;
    ++asked_upstream_;
    buffer.resize(static_cast<std::size_t>(size));
    const auto asked = DnsQuery::read(buffer);
    if (!asked || plain_name(asked->name()) == "silent.test") return;
    const bool known = plain_name(asked->name()) == "one.test";
    const Bytes answer = asked->answer(
        known ? DnsQuery::Code::Fine : DnsQuery::Code::NoSuchName,
        known && asked->asked() == Asked::Ipv4 ? std::vector<Found>{{"192.0.2.9", 60}} : std::vector<Found>{}, {},
        1200);
    ::sendto(far_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }
  Bytes ask(const Bytes& question, int turns = 200) {
    ::sendto(client_.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&address_),
             sizeof address_);
    Bytes out(4096);
    for (int i = 0; i < turns; ++i) {
      EXPECT_TRUE(loop_->run_once(std::chrono::milliseconds(10)));
      const ssize_t size = ::recv(client_.get(), out.data(), out.size(), 0);
      if (size < 0) continue;
      out.resize(static_cast<std::size_t>(size));
      return out;
    }
    return {};
  }

  std::optional<EventLoop> loop_;
  NameMemory memory_;
  UniqueFd far_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<NameServer> server_;
  UniqueFd client_;
  sockaddr_in address_{};
  sockaddr_in stream_address_{};
  std::vector<std::string> refused_;
  int asked_upstream_ = 0;
};

TEST_F(NetNameServer, ResolvesWhatIsAllowedAndRemembersIt) {
  const Bytes answer = ask(query("one.test", 1));
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(rcode(answer), 0);
  EXPECT_EQ(answers(answer), 1);
  EXPECT_EQ(memory_.names("192.0.2.9"), std::vector<std::string>{"one.test"});
  EXPECT_EQ(rcode(ask(query("unknown.test", 1))), 3);
  EXPECT_EQ(rcode(ask(query("one.test", 28))), 0);
}

TEST_F(NetNameServer, AsksForNothingAgainThatItStillKnows) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answers(ask(query("one.test", 1))), 1);
    EXPECT_EQ(rcode(ask(query("one.test", 28))), 0);
    EXPECT_EQ(rcode(ask(query("unknown.test", 1))), 3);
  }
  EXPECT_EQ(asked_upstream_, 3);
}

TEST(NetAnswerCache, HoldsForAsLongAsWasSaidAndTellsWhatIsLeft) {
  using namespace std::chrono_literals;
  AnswerCache cache;
  const AnswerCache::Clock::time_point now{};
  cache.keep("a A", {true, {{"192.0.2.1", 60}, {"192.0.2.2", 20}}}, now);
  cache.keep("never A", {true, {{"192.0.2.1", 0}}}, now);
  cache.keep("nothing A", {false, {}}, now);
  EXPECT_EQ(cache.look_up("a A", now + 15s)->found[1].ttl, 5U);
  EXPECT_FALSE(cache.look_up("a A", now + 20s)) << "the shortest decides";
  EXPECT_FALSE(cache.look_up("never A", now));
  EXPECT_FALSE(cache.look_up("nothing A", now + 4s)->exists);
  EXPECT_FALSE(cache.look_up("nothing A", now + 5s));
  for (int i = 0; i < 5000; ++i) cache.keep(std::to_string(i), {true, {{"192.0.2.1", 60}}}, now);
  EXPECT_FALSE(cache.look_up("0", now)) << "bounded";
  EXPECT_TRUE(cache.look_up("4999", now));
}

TEST_F(NetNameServer, TellsNobodyOfWhatIsRefused) {
  EXPECT_EQ(rcode(ask(query("no.test", 1))), 3);
  EXPECT_EQ(rcode(ask(query("no.test", 28))), 3);
  EXPECT_EQ(rcode(ask(query("no.test", 16))), 3);
  EXPECT_EQ(refused_, std::vector<std::string>{"no.test"}) << "told once";
  EXPECT_EQ(answers(ask(query("ask.test", 1))), 1);
  EXPECT_EQ(answers(ask(query("ask.test", 28))), 0);
  EXPECT_EQ(answers(ask(query("one.test", 16))), 0);
  EXPECT_EQ(answers(ask(query("localhost", 1))), 1);
  EXPECT_EQ(asked_upstream_, 0);
}

TEST_F(NetNameServer, LivesOnWhileAnAnswerIsMissing) {
  EXPECT_TRUE(ask(query("silent.test", 1), 3).empty());
  EXPECT_EQ(rcode(ask(query("one.test", 1))), 0);
  server_.reset();
  upstream_.reset();  // what it still waited for finds nobody
}

TEST_F(NetNameServer, DropsAStreamThatSpeaksRubbish) {
  UniqueFd stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  (void)::connect(stream.get(), reinterpret_cast<sockaddr*>(&stream_address_), sizeof stream_address_);
  const std::uint8_t rubbish[] = {0, 4, 1, 2, 3, 4};
  EXPECT_TRUE(loop_->run_once(std::chrono::milliseconds(100)));
  ASSERT_EQ(::send(stream.get(), rubbish, sizeof rubbish, MSG_NOSIGNAL), static_cast<ssize_t>(sizeof rubbish));
  char one = 0;
  ssize_t got = -1;
  for (int i = 0; i < 50 && got < 0; ++i) {
    EXPECT_TRUE(loop_->run_once(std::chrono::milliseconds(10)));
    got = ::recv(stream.get(), &one, 1, 0);
  }
  EXPECT_EQ(got, 0);
}

}  // namespace
}  // namespace assent::net
