// For the parts of TerminalRelay.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>

namespace assent::approve {

// Writes what can be written at once. False: the other side is gone.
inline bool write_from(int fd, std::string& buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n = ::write(fd, buffer.data() + done, buffer.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    done += static_cast<std::size_t>(n);
  }
  buffer.erase(0, done);
  return true;
}

}  // namespace assent::approve
