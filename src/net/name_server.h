// NameServer: answers the name lookups of the agent, on 127.0.0.1:53 of its own network, by datagram and by stream. In:
// queries; what the policy makes of a name. Out: answers, and what was learnt in the memory. No name leaves the machine
// but by Resolve. Never: another record than an address; a wait for anybody; more than a bounded number of anything.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"
#include "net/dns_message.h"
#include "net/name_memory.h"
#include "net/upstream.h"

namespace assent::net {

enum class Treatment {
  Resolve,  // ask the machine's name servers
  StandIn,  // a human decides at the connect: until then an address that stands for the name
  Refuse,   // there is no such name
};
struct Ruled {
  Treatment treatment = Treatment::Refuse;
  std::string reason;  // for the client
};

class NameServer {
 public:
  struct Parts {  // the references outlive the server
    EventLoop& loop;
    Upstream& upstream;
    NameMemory& memory;
    UniqueFd datagrams;  // bound, non-blocking
    UniqueFd stream;     // listening, non-blocking
    std::function<Ruled(const std::string& name)> rule;
    std::function<void(const std::string& name)> refused;  // once a name
    bool ipv6 = false;                                     // programs inside can use IPv6 addresses
  };
  static Result<std::unique_ptr<NameServer>> create(Parts parts);
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

 private:
  struct Connection;
  using Reply = std::function<void(std::vector<std::uint8_t>)>;

  explicit NameServer(Parts parts) : parts_(std::move(parts)) {}
  void on_datagrams();
  void on_caller();
  void on_stream(int fd, std::uint32_t events);
  void flush(Connection& connection);
  void drop(int fd);
  void handle(const DnsQuery& query, std::size_t room, Reply reply);
  void note_refused(const std::string& name);

  Parts parts_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // answers that come after us find nobody
  std::unordered_map<int, std::shared_ptr<Connection>> connections_;
  std::set<std::string> told_;
};

}  // namespace assent::net
