// Carries the options of one TCP socket over to another of the same family.
#pragma once

namespace assent::net {

// Every option that differs from what Linux gives a new socket. An option that the new socket does not take is left
// out: it would only have made the connection faster or its end more talkative.
void carry_options(int from, int to, int domain);

}  // namespace assent::net
