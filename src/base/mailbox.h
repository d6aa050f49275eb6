// Mailbox: work for the thread of an event loop, put in by any thread, done in the order it came.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent {

class Mailbox {
 public:
  static Result<std::unique_ptr<Mailbox>> create(EventLoop& loop);
  ~Mailbox();  // on the loop's thread; what was not done yet is dropped
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(std::function<void()> work);

 private:
  Mailbox(EventLoop& loop, UniqueFd wake) : loop_(loop), wake_(std::move(wake)) {}
  void deliver();

  EventLoop& loop_;
  UniqueFd wake_;  // eventfd
  std::mutex mutex_;
  std::vector<std::function<void()>> work_;  // guarded by mutex_
};

}  // namespace assent
