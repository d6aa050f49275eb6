// Who is at the other end of a loopback connection, as the kernel knows it (sock_diag(7)): so that one user of this
// machine cannot take the connections of all. It lets nobody in.
#pragma once

#include <sys/types.h>

#include <optional>

namespace assent::web {

// None: it is gone already, or this kernel does not say.
std::optional<uid_t> uid_of_caller(int socket);

}  // namespace assent::web
