// DatagramPump: carries the datagrams of two connected sockets to each other, each as it came. What one side does not
// take at once is lost, as datagrams are. In: two connected, non-blocking sockets. Never: looks at one; waits.
#pragma once

#include <array>
#include <functional>

#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::net {

class DatagramPump {
 public:
  using Over = std::function<void()>;  // nothing has come for long; the pump may be destroyed in it

  DatagramPump(EventLoop& loop, UniqueFd inner, UniqueFd outer, Over over);
  ~DatagramPump();
  DatagramPump(const DatagramPump&) = delete;
  DatagramPump& operator=(const DatagramPump&) = delete;

  // False: it could not start, and nothing was called.
  bool start();

 private:
  void on(std::size_t side);
  void look();

  EventLoop& loop_;
  std::array<UniqueFd, 2> sides_;
  Over over_;
  EventLoop::TimerId timer_;
  bool used_ = false;  // ever
  bool busy_ = false;  // since the last look
  int quiet_looks_ = 0;
};

}  // namespace assent::net
