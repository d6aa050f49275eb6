#include "net/datagram_pump.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

namespace assent::net {

namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 30s;
// getaddrinfo connects a socket to each address it has found, and sends nothing.
constexpr int kMostQuietUnused = 2;
constexpr int kMostQuiet = 10;
constexpr int kMostAtOnce = 64;  // then others have their turn

}  // namespace

DatagramPump::DatagramPump(EventLoop& loop, UniqueFd inner, UniqueFd outer, Over over)
    : loop_(loop), sides_{std::move(inner), std::move(outer)}, over_(std::move(over)) {}

DatagramPump::~DatagramPump() {
  for (const UniqueFd& side : sides_) loop_.remove(side.get());
  loop_.cancel(timer_);
}

bool DatagramPump::start() {
  for (std::size_t i = 0; i < 2; ++i) {
    if (!loop_.add(sides_[i].get(), EPOLLIN, [this, i](std::uint32_t) { on(i); })) return false;
  }
  timer_ = loop_.after(kLookEvery, [this] { look(); });
  return true;
}

void DatagramPump::on(std::size_t from) {
  // Not in the thread's own memory: every thread of the program would begin with clearing it.
  static thread_local const auto room = std::make_unique<std::array<std::uint8_t, 65536>>();
  auto& buffer = *room;
  used_ = busy_ = true;
  last_used_ = std::chrono::steady_clock::now();
  for (int i = 0; i < kMostAtOnce; ++i) {
    const ssize_t size = ::recv(sides_[from].get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0 && errno == ECONNREFUSED && from == 0) {  // the agent has closed its socket
      const Over over = std::move(over_);
      return over();
    }
    // Else an error is of an earlier datagram (the far side's port was closed), and taken away by this.
    if (size < 0) continue;
    (void)::send(sides_[1 - from].get(), buffer.data(), static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

void DatagramPump::look() {
  quiet_looks_ = std::exchange(busy_, false) ? 0 : quiet_looks_ + 1;
  timer_ = {};
  if (quiet_looks_ < (used_ ? kMostQuiet : kMostQuietUnused)) {
    timer_ = loop_.after(kLookEvery, [this] { look(); });
    return;
  }
  const Over over = std::move(over_);
  over();
}

}  // namespace assent::net
