// What pid 1 of a sandbox is asked for on its socket maker. The answer is an errno as an int.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

namespace assent {

struct SocketRequest {
  enum class What {
    Make,  // one socket of the inner network; it comes with the answer (SCM_RIGHTS)
    Bind,  // a unix socket, bound in the agent's view; it and the working directory come with the request
  };
  What what = What::Make;
  int domain = 0;  // AF_INET, AF_INET6
  int type = 0;    // SOCK_STREAM, SOCK_DGRAM
  mode_t umask = 0;
  socklen_t length = 0;
  sockaddr_un address{};
};

}  // namespace assent
