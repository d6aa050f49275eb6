// The mark (SO_MARK) of sockets inside that only the supervisor sets: for them every address leads to loopback, where
// the supervisor's relay waits under it. To anybody else inside, the network stays empty.
#pragma once

#include <cstdint>

namespace assent {

inline constexpr std::uint32_t kRelayMark = 0x61737374;

}  // namespace assent
