// Addresses that a name does not lead to, whatever is allowed by name: who answers for a name could otherwise choose
// one of them (DNS rebinding). They are judged by the address alone.
#pragma once

#include <string>

namespace assent::net {

// Link-local addresses and those under which clouds give out a machine's credentials, in IPv6 clothes too; loopback;
// and what the devices of this machine's network have, where its own services listen.
bool takes_no_names(const std::string& address);

}  // namespace assent::net
