// What pid 1 of a sandbox is asked for on its socket maker: one socket of the inner network. The answer is an errno as
// an int (0: the socket comes with it, SCM_RIGHTS).
#pragma once

namespace assent {

struct SocketRequest {
  int domain = 0;  // AF_INET, AF_INET6
  int type = 0;    // SOCK_STREAM, SOCK_DGRAM
};

}  // namespace assent
