// NameMemory: which names the agent was told for an address, so that rules and questions can speak of names; and
// stand-in addresses, for names that a human is to be asked about first: such a name leaves the machine only with the
// connect that was allowed. Bounded.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace assent::net {

class NameMemory {
 public:
  // `address` as text. The newest name comes first; at most a few are kept for one address, and none for some
  // (no_names.h).
  void learn(const std::string& address, const std::string& name);
  [[nodiscard]] std::vector<std::string> names(const std::string& address) const;

  // An IPv4 address (host byte order, of 198.18.0.0/15) that means `name`, always the same one. None: there are no
  // more.
  std::optional<std::uint32_t> stand_in(const std::string& name);
  // The same as text, and as an IPv6 address of a range that is nobody's.
  static std::string text_of(std::uint32_t stand_in);
  static std::string text_of_ipv6(std::uint32_t stand_in);
  // The name behind a stand-in address of either kind, given as text.
  [[nodiscard]] std::optional<std::string> behind(std::string_view address) const;

 private:
  std::unordered_map<std::string, std::vector<std::string>> names_;
  std::deque<std::string> order_;  // of addresses, oldest first
  std::unordered_map<std::string, std::uint32_t> stand_ins_;
  std::vector<std::string> stood_for_;
};

// Lower case, without the dot at the end. None: no host name (a byte outside letters, digits, - _ and dots; too long).
std::optional<std::string> plain_name(std::string_view name);

}  // namespace assent::net
