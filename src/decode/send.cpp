// sendto, sendmsg, sendmmsg: only where they lead. Whatever cannot be read is left out: the kernel, which carries these
// calls out itself, says what is wrong with it.
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "decode/families.h"

namespace assent::decode {
namespace {

// As the kernel lays them out for 64-bit programs; glibc's msghdr is the same, with other types.
struct Message {
  std::uint64_t name = 0;
  std::int32_t name_length = 0;
  std::uint32_t gap = 0;
  std::uint64_t others[5]{};  // what is sent, and beside it
};
struct CountedMessage {
  Message message;
  std::uint64_t sent = 0;
};
static_assert(sizeof(Message) == 56 && sizeof(CountedMessage) == 64);

constexpr std::size_t kMostMessages = 64;

void add(const RemoteMemory& memory, std::uint64_t at, std::int64_t length, Send& out) {
  if (at == 0 || length <= 0) return;
  std::string address(std::min<std::size_t>(static_cast<std::size_t>(length), sizeof(sockaddr_storage)), '\0');
  if (!memory.read(at, std::as_writable_bytes(std::span(address)))) return;
  if (std::ranges::find(out.addresses, address) == out.addresses.end()) out.addresses.push_back(std::move(address));
}

}  // namespace

Result<Action> decode_sendto(const Arguments& in) {
  Send out{in.s32(0), {}};
  // A longer one is refused by the kernel, not cut.
  if (in.s32(5) <= static_cast<int>(sizeof(sockaddr_storage))) add(in.memory(), in.raw(4), in.s32(5), out);
  return done(std::move(out));
}

Result<Action> decode_sendmsg(const Arguments& in) {
  Send out{in.s32(0), {}};
  if (auto message = in.memory().read_value<Message>(in.raw(1)))
    add(in.memory(), message->name, message->name_length, out);
  return done(std::move(out));
}

Result<Action> decode_sendmmsg(const Arguments& in) {
  Send out{in.s32(0), {}};
  std::array<CountedMessage, kMostMessages> messages;
  const auto all = std::span(messages).first(std::min<std::size_t>(in.u32(2), kMostMessages));
  if (!in.memory().read(in.raw(1), std::as_writable_bytes(all))) return done(std::move(out));
  const Message* before = nullptr;
  for (const auto& [message, sent] : all) {
    // Programs put one address into all.
    const bool same = before != nullptr && before->name == message.name && before->name_length == message.name_length;
    if (!same) add(in.memory(), message.name, message.name_length, out);
    before = &message;
  }
  return done(std::move(out));
}

}  // namespace assent::decode
