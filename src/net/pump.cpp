#include "net/pump.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

namespace assent::net {

namespace {

constexpr std::size_t kBuffer = 65536;
constexpr std::size_t kMostGated = 4 * kBuffer;  // a gate that wants more than that must refuse
constexpr std::size_t kMostSaid = 64;
constexpr int kMostRounds = 4;  // then others have their turn

}  // namespace

void close_with_reset(UniqueFd fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Pump::Pump(EventLoop& loop, UniqueFd left, UniqueFd right, Gate gate, Over over)
    : loop_(loop), gate_(std::move(gate)), over_(std::move(over)) {
  sides_[0].fd = std::move(left);
  sides_[1].fd = std::move(right);
  const int on = 1;
  for (const Side& side : sides_) ::setsockopt(side.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Pump::~Pump() {
  for (Side& side : sides_) {
    if (side.watched) loop_.remove(side.fd.get());
  }
}

bool Pump::start() { return watch(); }

// What a side is watched for follows from what is held. A side that has hung up, and has more to give than the other
// takes, would be reported for ever: it is not watched at all until there is room.
bool Pump::watch() {
  for (std::size_t i = 0; i < 2; ++i) {
    Side& side = sides_[i];
    const Side& other = sides_[1 - i];
    const bool gated = i == 0 && gate_;
    const bool full = gated ? side.held.size() >= kMostGated : !side.held.empty();
    std::uint32_t wanted = !side.ended && !full ? EPOLLIN : 0U;
    if (other.taken < ready(1 - i)) wanted |= EPOLLOUT;
    if (side.watched && wanted == side.wanted) continue;
    const auto status = side.watched ? loop_.modify(side.fd.get(), wanted)
                                     : loop_.add(side.fd.get(), wanted, [this, i](std::uint32_t e) { on(i, e); });
    if (!status) return false;
    side.watched = true;
    side.wanted = wanted;
  }
  return true;
}

void Pump::on(std::size_t i, std::uint32_t events) {
  Side& side = sides_[i];
  if ((events & EPOLLERR) != 0) return reset();
  if ((events & EPOLLOUT) != 0 && !flush(1 - i)) return;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0) {
    const bool readable = (side.wanted & EPOLLIN) != 0;
    if (readable && !carry(i)) return;
    if (!readable && (events & EPOLLHUP) != 0 && side.watched) {
      loop_.remove(side.fd.get());
      side.watched = false;
      // Nothing is left to be heard of this side but an end that is known.
      if (side.ended) return;
      if (side.held.empty()) (void)watch();
      return;
    }
  }
  if (!watch()) reset();
}

bool Pump::carry(std::size_t from) {
  // Not in the thread's own memory: every thread of the program would begin with clearing it.
  static thread_local const auto room = std::make_unique<std::array<std::uint8_t, kBuffer>>();
  auto& buffer = *room;
  Side& side = sides_[from];
  Side& to = sides_[1 - from];
  const bool gated = from == 0 && gate_;
  for (int round = 0; round < kMostRounds && !side.ended && (gated || side.held.empty()); ++round) {
    const ssize_t size = ::recv(side.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      return reset(), false;
    }
    if (size == 0) side.ended = true;
    const std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(size));
    if (gated) {
      side.held.insert(side.held.end(), bytes.begin(), bytes.end());
      return ask_gate();
    }
    if (gate_ && said_.size() < kMostSaid) {
      said_.insert(said_.end(), bytes.begin(),
                   bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), kMostSaid - said_.size())));
      if (!ask_gate()) return false;
    }
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(to.fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno != EAGAIN) return reset(), false;
      if (n < 0) break;
      sent += static_cast<std::size_t>(n);
    }
    side.held.assign(bytes.begin() + static_cast<std::ptrdiff_t>(sent), bytes.end());
  }
  return side.ended && side.held.empty() ? pass_end(from) : true;
}

bool Pump::ask_gate() {
  const Step step = gate_(sides_[0].held, said_, sides_[0].ended);
  if (step.look == Look::Refuse) return reset(), false;
  released_ = std::min(step.release, sides_[0].held.size());
  if (step.look == Look::Pass) gate_ = nullptr;
  return flush(0);
}

std::size_t Pump::ready(std::size_t from) const { return from == 0 && gate_ ? released_ : sides_[from].held.size(); }

bool Pump::flush(std::size_t from) {
  Side& side = sides_[from];
  const std::size_t end = ready(from);
  while (side.taken < end) {
    const ssize_t n =
        ::send(sides_[1 - from].fd.get(), side.held.data() + side.taken, end - side.taken, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return watch() || (reset(), false);
    if (n < 0) return reset(), false;
    side.taken += static_cast<std::size_t>(n);
  }
  if (from == 0 && gate_) return watch() || (reset(), false);  // it wants to see all of it again
  std::vector<std::uint8_t>().swap(side.held);                 // an idle connection holds no memory
  side.taken = 0;
  if (side.ended && !pass_end(from)) return false;
  return watch() || (reset(), false);
}

bool Pump::pass_end(std::size_t from) {
  if (!std::exchange(sides_[from].told, true)) ::shutdown(sides_[1 - from].fd.get(), SHUT_WR);
  if (!sides_[1 - from].told) return true;
  finish();
  return false;
}

void Pump::reset() {
  for (Side& side : sides_) {
    if (side.watched) loop_.remove(side.fd.get());
    side.watched = false;
    close_with_reset(std::move(side.fd));
  }
  finish();
}

void Pump::finish() {
  for (Side& side : sides_) {
    if (side.watched) loop_.remove(side.fd.get());
    side.watched = false;
    side.fd.reset();
  }
  const Over over = std::move(over_);
  if (over) over();
}

}  // namespace assent::net
