// connect, sendto with an address
#include <sys/socket.h>

#include <cerrno>

#include "decode/families.h"

namespace assent::decode {
namespace {

// move_addr_to_kernel(). An empty address stays empty: what that means depends on the kind of socket.
Result<Action> connect(const Arguments& in, int address, int length) {
  if (in.s32(0) < 0) return fail(EBADF, "cannot connect: the descriptor's number is negative");
  const int size = in.s32(length);
  if (size < 0 || static_cast<std::size_t>(size) > sizeof(sockaddr_storage)) {
    return invalid("cannot connect: the address has a bad length");
  }
  Connect out{in.s32(0), std::string(static_cast<std::size_t>(size), '\0')};
  if (size != 0) {
    auto copied = in.memory().read(in.raw(address), std::as_writable_bytes(std::span(out.address)));
    if (!copied) return pass(std::move(copied));
  }
  return done(std::move(out));
}

}  // namespace

Result<Action> decode_connect(const Arguments& in) { return connect(in, 1, 2); }

// sendto(socket, data, size, flags, address, length). Without an address the length counts for nothing.
Result<Action> decode_sendto(const Arguments& in) {
  if (in.raw(4) == 0) {
    if (in.s32(0) < 0) return fail(EBADF, "cannot send: the descriptor's number is negative");
    return done(Connect{in.s32(0), {}});
  }
  return connect(in, 4, 5);
}

}  // namespace assent::decode
