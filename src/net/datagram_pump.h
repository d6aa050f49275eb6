// DatagramPump: carries the datagrams of two connected sockets to each other, each as it came. What one side does not
// take at once is lost, as datagrams are. In: two connected, non-blocking sockets; the first of them the agent's.
// Never: looks at one; waits.
#pragma once

#include <array>
#include <chrono>
#include <functional>

#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::net {

class DatagramPump {
 public:
  // Nothing has come for long, or nobody is there any more to hear; the pump may be destroyed in it.
  using Over = std::function<void()>;

  DatagramPump(EventLoop& loop, UniqueFd inner, UniqueFd outer, Over over);
  ~DatagramPump();
  DatagramPump(const DatagramPump&) = delete;
  DatagramPump& operator=(const DatagramPump&) = delete;

  // False: it could not start, and nothing was called.
  bool start();
  [[nodiscard]] std::chrono::steady_clock::time_point last_used() const { return last_used_; }

 private:
  void on(std::size_t side);
  void look();

  EventLoop& loop_;
  std::array<UniqueFd, 2> sides_;
  Over over_;
  EventLoop::TimerId timer_;
  std::chrono::steady_clock::time_point last_used_ = std::chrono::steady_clock::now();
  bool used_ = false;  // ever
  bool busy_ = false;  // since the last look
  int quiet_looks_ = 0;
};

}  // namespace assent::net
