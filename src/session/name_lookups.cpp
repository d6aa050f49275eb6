#include "session/name_lookups.h"

#include <fmt/format.h>

#include "base/show.h"

namespace assent::session {

Result<std::unique_ptr<NameLookups>> NameLookups::create(Rooms rooms, launch::Sandbox::NameSockets sockets) {
  std::unique_ptr<NameLookups> self(new NameLookups(rooms));
  auto* raw = self.get();
  auto upstream = net::Upstream::create(rooms.loop);
  if (!upstream) return pass(std::move(upstream));
  raw->upstream_ = std::move(*upstream);
  auto server =
      net::NameServer::create({rooms.loop, *raw->upstream_, raw->memory_, std::move(sockets.datagrams),
                               std::move(sockets.stream), [raw](const std::string& name) { return raw->ruled(name); },
                               [raw](const std::string& name) { raw->refused(name); }, sockets.ipv6});
  if (!server) return pass(std::move(server));
  raw->server_ = std::move(*server);
  return self;
}

net::Ruled NameLookups::rule(const std::string& name) const {
  const Decision& decision = *rooms_.policy.judge_name(name).decision;
  switch (decision.verdict) {
    case Verdict::Allow:
      return {net::Treatment::Resolve, {}};
    case Verdict::Ask:
      if (rooms_.denials.attendance() == Attendance::Human) return {net::Treatment::StandIn, {}};
      return {net::Treatment::Refuse, "assent: needs a human, none is attached"};
    case Verdict::Deny:
      break;
  }
  return {net::Treatment::Refuse,
          "assent: " + (decision.reason.empty() ? std::string("a rule denies it") : decision.reason)};
}

// Programs look the same names up again and again, and what the policy says of one never changes in a session.
net::Ruled NameLookups::ruled(const std::string& name) {
  constexpr std::size_t kMost = 4096;
  if (const auto known = ruled_.find(name); known != ruled_.end()) return known->second;
  if (ruled_.size() >= kMost) ruled_.clear();
  return ruled_[name] = rule(name);
}

void NameLookups::refused(const std::string& name) {
  const Decision& decision = *rooms_.policy.judge_name(name).decision;
  // What cannot be recorded was refused all the same.
  (void)rooms_.log.note("name", fmt::format("the lookup of {} was refused ({})", show(name), to_string(decision.rule)));
  rooms_.denials.tell_lookup(name, decision);
}

void NameLookups::resolve(const std::string& name, net::Upstream::Family first,
                          std::function<void(std::string address)> done) {
  using Family = net::Upstream::Family;
  const auto address = [](const std::vector<net::Found>& found) {
    return found.empty() ? std::string() : found.front().address;
  };
  upstream_->ask(name, first,
                 [this, name, first, address, done = std::move(done)](net::Upstream::Answer,
                                                                      const std::vector<net::Found>& found) {
                   if (!found.empty()) return done(address(found));
                   const Family other = first == Family::Ipv4 ? Family::Ipv6 : Family::Ipv4;
                   upstream_->ask(name, other,
                                  [address, done](net::Upstream::Answer, const std::vector<net::Found>& more) {
                                    done(address(more));
                                  });
                 });
}

std::string inner_resolv_conf(std::string_view text) {
  std::string out = "# The names that this session may look up; see $ASSENT_DENIALS.\nnameserver 127.0.0.1\n";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with("search ") || line.starts_with("domain ")) out += std::string(line) + "\n";
  }
  return out + "options edns0\n";
}

}  // namespace assent::session
