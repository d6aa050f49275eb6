// DNS messages of the agent's: the question read out of a query, and the answer to it written. By ldns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct ldns_struct_pkt;

namespace assent::net {

enum class Asked { Ipv4, Ipv6, Other };

struct Found {
  std::string address;  // text
  std::uint32_t ttl = 0;
};

class DnsQuery {
 public:
  // None: nothing that deserves an answer.
  static std::optional<DnsQuery> read(std::span<const std::uint8_t> bytes);

  // As asked, with a dot at the end.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Asked asked() const { return asked_; }
  // How long an answer in a datagram may be.
  [[nodiscard]] std::size_t room() const;

  enum class Code { Fine, NoSuchName, Failure, NotImplemented };
  // `reason`: why there is none, told in an extended error (RFC 8914) to clients that know EDNS. Cut (TC) where it has
  // more than `room` bytes.
  [[nodiscard]] std::vector<std::uint8_t> answer(Code code, const std::vector<Found>& found, const std::string& reason,
                                                 std::size_t room) const;

 private:
  struct Free {
    void operator()(ldns_struct_pkt* packet) const;
  };
  explicit DnsQuery(ldns_struct_pkt* packet) : packet_(packet, Free{}) {}
  std::shared_ptr<ldns_struct_pkt> packet_;
  std::string name_;
  Asked asked_ = Asked::Other;
};

}  // namespace assent::net
