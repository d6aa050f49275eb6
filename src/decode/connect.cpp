// connect, bind, listen
#include <sys/socket.h>

#include <cerrno>

#include "decode/families.h"

namespace assent::decode {
namespace {

// move_addr_to_kernel(). An empty address stays empty: what that means depends on the kind of socket.
Result<std::string> address_of(const Arguments& in) {
  if (in.s32(0) < 0) return fail(EBADF, "the descriptor's number is negative");
  const int size = in.s32(2);
  if (size < 0 || static_cast<std::size_t>(size) > sizeof(sockaddr_storage))
    return fail(EINVAL, "the address has a bad length");
  std::string out(static_cast<std::size_t>(size), '\0');
  if (size != 0) {
    if (auto copied = in.memory().read(in.raw(1), std::as_writable_bytes(std::span(out))); !copied)
      return pass(std::move(copied));
  }
  return out;
}

}  // namespace

Result<Action> decode_connect(const Arguments& in) {
  auto address = address_of(in);
  if (!address) return pass(std::move(address));
  return done(Connect{in.s32(0), std::move(*address)});
}

Result<Action> decode_bind(const Arguments& in) {
  auto address = address_of(in);
  if (!address) return pass(std::move(address));
  return done(Bind{in.s32(0), std::move(*address)});
}

Result<Action> decode_listen(const Arguments& in) {
  if (in.s32(0) < 0) return fail(EBADF, "the descriptor's number is negative");
  return done(Listen{in.s32(0), in.s32(1)});
}

}  // namespace assent::decode
