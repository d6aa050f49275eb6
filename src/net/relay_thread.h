// RelayThread: a thread with an event loop of its own, on which bytes are carried between two sockets, so that a bulk
// transfer never stands in the way of a call that waits to be judged. Whatever is made on it lives and dies on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "assent/result.h"
#include "base/event_loop.h"
#include "base/mailbox.h"

namespace assent::net {

class RelayThread {
 public:
  static Result<std::unique_ptr<RelayThread>> start();
  ~RelayThread();  // ends the thread first; `last` of finish() runs there
  RelayThread(const RelayThread&) = delete;
  RelayThread& operator=(const RelayThread&) = delete;

  [[nodiscard]] EventLoop& loop() { return *loop_; }  // to be touched on the thread only
  void post(std::function<void()> work) { mailbox_->post(std::move(work)); }
  // Does `last` on the thread, and ends it.
  void finish(std::function<void()> last);

 private:
  RelayThread() = default;
  std::optional<EventLoop> loop_;
  std::unique_ptr<Mailbox> mailbox_;
  std::thread thread_;
};

}  // namespace assent::net
