#include "net/name_memory.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "net/no_names.h"

namespace assent::net {

namespace {

constexpr std::size_t kMostAddresses = 16384;
constexpr std::size_t kMostNames = 8;
constexpr std::uint32_t kFirst = 0xc6120100;  // 198.18.1.0; what lies before is launch's
constexpr std::uint32_t kLast = 0xc613ffff;
// The same number stands at the end. Of the addresses that are for everybody's own use (fc00::/7).
constexpr std::array<std::uint8_t, 12> kPrefix6{0xfd, 'a', 's', 's', 'e', 'n', 't', 0, 0, 0, 0, 0};

}  // namespace

void NameMemory::learn(const std::string& address, const std::string& name) {
  const auto before = names_.find(address);
  const bool is_known = before != names_.end() && std::ranges::find(before->second, name) != before->second.end();
  if (!is_known && takes_no_names(address)) return;
  auto [at, is_new] = names_.try_emplace(address);
  auto& known = at->second;
  std::erase(known, name);
  known.insert(known.begin(), name);
  if (known.size() > kMostNames) known.pop_back();
  if (!is_new) return;
  order_.push_back(address);
  if (order_.size() > kMostAddresses) {
    names_.erase(order_.front());
    order_.pop_front();
  }
}

std::vector<std::string> NameMemory::names(const std::string& address) const {
  if (auto name = behind(address)) return {std::move(*name)};
  const auto found = names_.find(address);
  return found == names_.end() ? std::vector<std::string>{} : found->second;
}

std::optional<std::uint32_t> NameMemory::stand_in(const std::string& name) {
  if (const auto found = stand_ins_.find(name); found != stand_ins_.end()) return found->second;
  if (stood_for_.size() >= kMostAddresses || kFirst + stood_for_.size() > kLast) return std::nullopt;
  const auto address = static_cast<std::uint32_t>(kFirst + stood_for_.size());
  stood_for_.push_back(name);
  stand_ins_[name] = address;
  return address;
}

std::string NameMemory::text_of(std::uint32_t stand_in) {
  const in_addr raw{htonl(stand_in)};
  std::array<char, INET_ADDRSTRLEN> out{};
  ::inet_ntop(AF_INET, &raw, out.data(), out.size());
  return out.data();
}

std::string NameMemory::text_of_ipv6(std::uint32_t stand_in) {
  in6_addr raw{};
  std::ranges::copy(kPrefix6, raw.s6_addr);
  const std::uint32_t number = htonl(stand_in);
  std::memcpy(raw.s6_addr + kPrefix6.size(), &number, sizeof number);
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(AF_INET6, &raw, out.data(), out.size());
  return out.data();
}

std::optional<std::string> NameMemory::behind(std::string_view address) const {
  in_addr raw{};
  in6_addr raw6{};
  const std::string text(address);
  if (::inet_pton(AF_INET, text.c_str(), &raw) != 1) {
    if (::inet_pton(AF_INET6, text.c_str(), &raw6) != 1 ||
        !std::ranges::equal(kPrefix6, std::span(raw6.s6_addr).first(kPrefix6.size())))
      return std::nullopt;
    std::memcpy(&raw, raw6.s6_addr + kPrefix6.size(), sizeof raw);
  }
  const std::uint32_t number = ntohl(raw.s_addr);
  if (number < kFirst || number - kFirst >= stood_for_.size()) return std::nullopt;
  return stood_for_[number - kFirst];
}

std::optional<std::string> plain_name(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return std::nullopt;
  std::string out;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool fits = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!fits) return std::nullopt;
    out.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

}  // namespace assent::net
