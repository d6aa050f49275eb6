// Pump: carries the bytes of two connected sockets to each other, with their ends: half-close as half-close, a reset as
// a reset. In: two connected, non-blocking sockets. What one side does not take is kept up to one buffer, and then the
// other side is not read. Never: looks at a byte, unless a gate was set; waits.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::net {

class Pump {
 public:
  enum class Look { More, Pass, Refuse };
  struct Step {
    Look look = Look::More;
    std::size_t release = 0;  // so many bytes of the left's may go on, counted from its first
  };
  // Asked until it says Pass: of all that came from the left, of the first bytes that came from the right, and whether
  // the left has ended. What it does not release does not go on; Refuse resets both.
  using Gate = std::function<Step(std::span<const std::uint8_t> left, std::span<const std::uint8_t> right, bool ended)>;
  using Over = std::function<void()>;  // both sides are closed; the pump may be destroyed in it

  Pump(EventLoop& loop, UniqueFd left, UniqueFd right, Gate gate, Over over);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  // False: it could not start, and nothing was called.
  bool start();
  // Resets both sides; Over is called.
  void reset();

 private:
  struct Side {
    UniqueFd fd;
    std::uint32_t wanted = 0;
    bool watched = false;
    std::vector<std::uint8_t> held;  // read from here, not yet taken by the other
    std::size_t taken = 0;           // of held
    bool ended = false;              // read to its end
    bool told = false;               // and the other was told
  };

  void on(std::size_t side, std::uint32_t events);
  // False: the pump is over.
  bool carry(std::size_t from);
  bool ask_gate();
  [[nodiscard]] std::size_t ready(std::size_t from) const;  // bytes of `held` that may go on
  bool flush(std::size_t from);
  bool pass_end(std::size_t from);
  bool watch();
  void finish();

  EventLoop& loop_;
  std::array<Side, 2> sides_;
  Gate gate_;
  std::vector<std::uint8_t> said_;  // the first bytes from the right, while there is a gate
  std::size_t released_ = 0;
  Over over_;
};

// Closes at once; the other end sees a reset.
void close_with_reset(UniqueFd fd);

}  // namespace assent::net
