// Watchdog: a thread that looks every second whether the event loop has come out of what it does, and interrupts it
// with a signal where it has not. The loop never waits on purpose; but what it touches is partly the agent's (sockets,
// terminals, files with leases), and a wait that was overlooked must not hold up every other call and every question.
// What is interrupted ends with EINTR, and so as a denial. It ends nothing that only takes long.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "assent/result.h"
#include "base/event_loop.h"

namespace assent::session {

class Watchdog {
 public:
  // `loop` runs on the thread that calls this, and outlives the watchdog.
  static Result<std::unique_ptr<Watchdog>> start(const EventLoop& loop);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  explicit Watchdog(const EventLoop& loop) : loop_(loop), watched_(::pthread_self()) {}
  void watch();

  const EventLoop& loop_;
  pthread_t watched_;
  std::thread thread_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  bool ending_ = false;
};

}  // namespace assent::session
