#include "net/name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/sys.h"

namespace assent::net {

namespace {

using namespace std::chrono_literals;

constexpr int kDatagramsATurn = 32;
constexpr std::size_t kMostUnderWay = 256;
constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kMostTold = 1024;
constexpr std::size_t kMostBuffered = 256 * 1024;
constexpr std::uint32_t kStandInSeconds = 60;
constexpr auto kIdle = 10s;

}  // namespace

struct NameServer::Connection {
  UniqueFd fd;
  std::vector<std::uint8_t> in;
  std::vector<std::uint8_t> out;
  EventLoop::TimerId idle;
};

Result<std::unique_ptr<NameServer>> NameServer::create(Parts parts) {
  std::unique_ptr<NameServer> self(new NameServer(std::move(parts)));
  auto* raw = self.get();
  if (auto status =
          raw->parts_.loop.add(raw->parts_.datagrams.get(), EPOLLIN, [raw](std::uint32_t) { raw->on_datagrams(); });
      !status)
    return pass(std::move(status));
  if (auto status = raw->parts_.loop.add(raw->parts_.stream.get(), EPOLLIN, [raw](std::uint32_t) { raw->on_caller(); });
      !status)
    return pass(std::move(status));
  return self;
}

NameServer::~NameServer() {
  parts_.loop.remove(parts_.datagrams.get());
  parts_.loop.remove(parts_.stream.get());
  while (!connections_.empty()) drop(connections_.begin()->first);
}

void NameServer::on_datagrams() {
  std::array<std::uint8_t, 4096> buffer{};
  for (int i = 0; i < kDatagramsATurn; ++i) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(parts_.datagrams.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) return;
    if (static_cast<std::size_t>(size) > buffer.size()) continue;
    const auto query = DnsQuery::read({buffer.data(), static_cast<std::size_t>(size)});
    if (!query) continue;
    handle(*query, query->room(), [this, from](const std::vector<std::uint8_t>& answer) {
      // One that does not fit into the agent's buffer is lost, as datagrams are.
      (void)::sendto(parts_.datagrams.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                     reinterpret_cast<const sockaddr*>(&from), sizeof from);
    });
  }
}

void NameServer::on_caller() {
  UniqueFd fd(::accept4(parts_.stream.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || connections_.size() >= kMostConnections) return;
  const int number = fd.get();
  if (!parts_.loop.add(number, EPOLLIN, [this, number](std::uint32_t events) { on_stream(number, events); })) return;
  auto connection = std::make_shared<Connection>();
  connection->fd = std::move(fd);
  connection->idle = parts_.loop.after(kIdle, [this, number] { drop(number); });
  connections_[number] = std::move(connection);
}

// Two bytes of length, then a message, again and again (RFC 7766).
void NameServer::on_stream(int fd, std::uint32_t events) {
  const auto connection = connections_.at(fd);
  if ((events & EPOLLOUT) != 0) flush(*connection);
  if (!connection->fd || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  std::array<std::uint8_t, 4096> buffer{};
  const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0 || connection->out.size() > kMostBuffered) return drop(fd);
  auto& in = connection->in;
  in.insert(in.end(), buffer.begin(), buffer.begin() + size);
  std::size_t at = 0;
  while (connection->fd && in.size() - at >= 2) {
    const std::size_t length = static_cast<std::size_t>(in[at]) << 8 | in[at + 1];
    if (in.size() - at - 2 < length) break;
    const auto query = DnsQuery::read({in.data() + at + 2, length});
    at += 2 + length;
    if (!query) return drop(fd);
    handle(*query, 65535, [this, weak = std::weak_ptr<Connection>(connection)](std::vector<std::uint8_t> answer) {
      const auto still = weak.lock();
      if (!still || !still->fd) return;
      still->out.push_back(static_cast<std::uint8_t>(answer.size() >> 8));
      still->out.push_back(static_cast<std::uint8_t>(answer.size() & 0xff));
      still->out.insert(still->out.end(), answer.begin(), answer.end());
      flush(*still);
    });
  }
  in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at));
}

void NameServer::flush(Connection& connection) {
  const int fd = connection.fd.get();
  while (!connection.out.empty()) {
    const ssize_t sent = ::send(fd, connection.out.data(), connection.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent <= 0) return drop(fd);
    connection.out.erase(connection.out.begin(), connection.out.begin() + sent);
  }
  if (!parts_.loop.modify(fd, connection.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT)) drop(fd);
}

void NameServer::drop(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  const auto connection = found->second;
  connections_.erase(found);
  parts_.loop.cancel(connection->idle);
  parts_.loop.remove(fd);
  connection->fd.reset();
}

void NameServer::handle(const DnsQuery& query, std::size_t room, Reply reply) {
  using Code = DnsQuery::Code;
  const auto say = [&](Code code, const std::vector<Found>& found, const std::string& reason = {}) {
    reply(query.answer(code, found, reason, room));
  };
  const auto name = plain_name(query.name());
  if (!name) return say(Code::NoSuchName, {});
  if (*name == "localhost" || name->ends_with(".localhost")) {
    if (query.asked() == Asked::Other) return say(Code::Fine, {});
    return say(Code::Fine, {{query.asked() == Asked::Ipv4 ? "127.0.0.1" : "::1", 3600}});
  }
  const Ruled ruled = parts_.rule(*name);
  if (ruled.treatment == Treatment::Refuse) {
    note_refused(*name);
    return say(Code::NoSuchName, {}, ruled.reason);
  }
  if (query.asked() == Asked::Other) return say(Code::Fine, {});
  if (ruled.treatment == Treatment::StandIn) {
    if (query.asked() == Asked::Ipv6 && !parts_.ipv6) return say(Code::Fine, {});
    const auto address = parts_.memory.stand_in(*name);
    if (!address) return say(Code::Failure, {});
    const bool v4 = query.asked() == Asked::Ipv4;
    return say(Code::Fine,
               {{v4 ? NameMemory::text_of(*address) : NameMemory::text_of_ipv6(*address), kStandInSeconds}});
  }
  if (parts_.upstream.under_way() >= kMostUnderWay) return say(Code::Failure, {});
  const auto family = query.asked() == Asked::Ipv4 ? Upstream::Family::Ipv4 : Upstream::Family::Ipv6;
  parts_.upstream.ask(*name, family,
                      [this, alive = std::weak_ptr<int>(alive_), query, room, reply = std::move(reply), name = *name](
                          Upstream::Answer answer, const std::vector<Found>& found) {
                        if (alive.expired()) return;
                        for (const Found& one : found) parts_.memory.learn(one.address, name);
                        switch (answer) {
                          case Upstream::Answer::Found:
                          case Upstream::Answer::NoData:
                            return reply(query.answer(Code::Fine, found, {}, room));
                          case Upstream::Answer::NoSuchName:
                            return reply(query.answer(Code::NoSuchName, {}, {}, room));
                          case Upstream::Answer::Failure:
                            return reply(query.answer(Code::Failure, {}, {}, room));
                        }
                      });
}

void NameServer::note_refused(const std::string& name) {
  if (told_.size() < kMostTold && told_.insert(name).second && parts_.refused) parts_.refused(name);
}

}  // namespace assent::net
