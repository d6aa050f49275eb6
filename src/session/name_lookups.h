// NameLookups: the resolver of the agent's network, wired to the policy and the record. In: the sockets made inside.
// Out: answers by policy; what names an address was given out for; the address behind a name that a human was asked
// about.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/event_loop.h"
#include "decide/policy.h"
#include "launch/sandbox.h"
#include "net/name_memory.h"
#include "net/name_server.h"
#include "net/upstream.h"
#include "record/audit_log.h"
#include "session/denials.h"

namespace assent::session {

class NameLookups {
 public:
  struct Rooms {  // all outlive this
    EventLoop& loop;
    const decide::Policy& policy;
    record::AuditLog& log;
    Denials& denials;
  };
  static Result<std::unique_ptr<NameLookups>> create(Rooms rooms, launch::Sandbox::NameSockets sockets);

  // Last seen for `address`, newest first.
  [[nodiscard]] std::vector<std::string> names(const std::string& address) const { return memory_.names(address); }
  // The name that a made-up address stands for, which is to be resolved once a connect to it is allowed.
  [[nodiscard]] std::optional<std::string> behind(const std::string& address) const { return memory_.behind(address); }
  // An address of `name`, later; one of the other family where it has none of this; empty: there is none.
  void resolve(const std::string& name, net::Upstream::Family first, std::function<void(std::string address)> done);

 private:
  explicit NameLookups(Rooms rooms) : rooms_(rooms) {}
  [[nodiscard]] net::Ruled rule(const std::string& name) const;
  net::Ruled ruled(const std::string& name);
  void refused(const std::string& name);

  Rooms rooms_;
  net::NameMemory memory_;
  std::unordered_map<std::string, net::Ruled> ruled_;
  std::unique_ptr<net::Upstream> upstream_;
  std::unique_ptr<net::NameServer> server_;
};

// The agent's /etc/resolv.conf: our resolver, with the search list of the machine's own `text`.
std::string inner_resolv_conf(std::string_view text);

}  // namespace assent::session
