// Whether a unix socket in the file system belongs to somebody outside: sockets are of a network namespace, and the
// agent has one of its own, so the kernel can tell, whoever made the name and whenever.
#pragma once

#include <cstdint>

namespace assent::net {

// `inode`: of the socket's name. Also where it cannot be told (the kernel lacks unix_diag), or another file system has
// the same number for a socket of the host's.
bool belongs_outside(std::uint64_t inode);

}  // namespace assent::net
