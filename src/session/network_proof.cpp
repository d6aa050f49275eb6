#include "session/network_proof.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/sys.h"
#include "net/agent_socket.h"
#include "session/proof_session.h"

namespace assent::session {

namespace {

using launch::Health;
using launch::Probe;

// Sockets of the host's network are told from the agent's own by it; without it no connect is let out.
Probe told_apart() {
  const auto cookie = net::netns_cookie();
  if (cookie) return {"connections", Health::Ok, "network namespaces are told apart (SO_NETNS_COOKIE)", ""};
  return {"connections", Health::Missing, "network namespaces cannot be told apart: " + cookie.error().what,
          "use a kernel of 5.14 or later"};
}

// A service on the host's loopback.
class Service {
 public:
  Service() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (fd_ && ::bind(fd_.get(), raw, length) == 0 && ::listen(fd_.get(), 8) == 0 &&
        ::getsockname(fd_.get(), raw, &length) == 0)
      port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] bool was_called() const {
    return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)).get() >= 0;
  }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

// One connect that a rule allows, one that none does, and the resolver inside.
void try_in_a_session(std::vector<Probe>& out) {
  constexpr const char* kBash = "/bin/bash";  // its /dev/tcp connects
  const Scratch scratch;
  const Service allowed;
  const Service other;
  const std::string work = scratch.path() + "/work";
  if (::access(kBash, X_OK) != 0 || allowed.port() == 0 || other.port() == 0 || scratch.path().empty() ||
      ::mkdir(work.c_str(), 0755) != 0) {
    out.push_back({"gate: connect", Health::Weaker, "not tried: it takes bash, and two ports of loopback", ""});
    return;
  }
  const std::string script = fmt::format(
      "(exec 3<>/dev/tcp/127.0.0.1/{}); (exec 3<>/dev/tcp/127.0.0.1/{}); (exec 3<>/dev/tcp/127.0.0.1/53) && echo x "
      ">resolver",
      allowed.port(), other.port());
  const bool ran = run_in_a_session(scratch.path(), script, {fmt::format("127.0.0.1:{}", allowed.port())}, kBash);
  if (!ran) {
    out.push_back({"gate: connect", Health::Missing, "a session with a rule for a host could not be run",
                   "'assent run --headless --allow-host 127.0.0.1:1 -- true' says why"});
    return;
  }
  const auto line = [&](const char* name, bool held, const char* yes, const char* no) {
    out.push_back({name, held ? Health::Ok : Health::Missing, held ? yes : no,
                   held ? "" : "do not run agents here; report this with the output of 'assent doctor --json'"});
  };
  line("gate: connect", !other.was_called(), "tried in a real session: nobody was reached without a rule",
       "the agent reached a service that no rule names");
  line("allowed connect", allowed.was_called(), "a service that a rule names was reached",
       "a service that a rule names was not reached");
  line("resolver inside", ::access((work + "/resolver").c_str(), F_OK) == 0, "listens on 127.0.0.1:53 of the sandbox",
       "nobody listens on 127.0.0.1:53 of the sandbox");
}

// Asked nothing: which names leave the machine is for rules to say.
Probe name_servers() {
  auto text = sys::read_file(AT_FDCWD, "/etc/resolv.conf");
  std::string servers;
  for (std::size_t at = 0; text && at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    if (line.starts_with("nameserver ")) servers += (servers.empty() ? "" : ", ") + line.substr(11);
    at = end + 1;
  }
  if (!servers.empty()) return {"name servers", Health::Ok, "names that a rule allows are asked of " + servers, ""};
  return {"name servers", Health::Weaker, "/etc/resolv.conf names none: of host names only those in /etc/hosts work",
          "name one in /etc/resolv.conf, or use addresses in rules"};
}

}  // namespace

std::vector<Probe> prove_network() {
  std::vector<Probe> out{told_apart()};
  if (out.front().health == Health::Ok) try_in_a_session(out);
  out.push_back(name_servers());
  return out;
}

}  // namespace assent::session
