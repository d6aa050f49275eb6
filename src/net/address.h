// Addresses as a program hands them to connect and bind, read once from the copied bytes. In: a struct sockaddr and the
// family of the socket it is for. Out: where it leads. Never: a name lookup, a system call.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assent::net {

// Where an address of a TCP connect leads. Everything that is not certainly Outside is left to the kernel in the
// agent's own network, where there is nobody but the agent: whatever error the kernel has for it is the true one.
struct Outside {
  sockaddr_storage address{};  // as to be given to the kernel, of the socket's family; scope and flow label cleared
  socklen_t length = 0;
  std::string text;  // IPv4 or IPv6; IPv4 in IPv6 clothes as IPv4
  std::uint16_t port = 0;
};

// `domain`: AF_INET or AF_INET6, of the socket. None: loopback, the unspecified address, AF_UNSPEC, multicast,
// broadcast, link-local IPv6, another family than the socket's, too few bytes.
std::optional<Outside> outside(std::string_view address, int domain);

// The same for loopback, for where a rule names a service of the host's.
std::optional<Outside> loopback(std::string_view address, int domain);

// The same port at another address (text). For IPv6 an IPv4 address comes in IPv6 clothes; an IPv6 address makes IPv6
// of IPv4. None: that address does not lead outside.
std::optional<Outside> with_address(const Outside& like, const std::string& address);

// Family, address and port of an internet address, without what else it may hold. Others as they are.
std::string place_of(std::string_view address);

// AF_UNSPEC, which ends the connection that a socket has.
bool disconnects(std::string_view address);

// The path of an AF_UNIX address. None: an abstract or missing name, or nothing the kernel would take.
std::optional<std::string> unix_path(std::string_view address);

}  // namespace assent::net
