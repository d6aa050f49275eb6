// Workers: work that takes long (the copy of a large file), on threads of its own, so that no other call of the agent
// waits for it. In: two functions. Out: the first is called on a thread, then the second on the event loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::session {

class Workers {
 public:
  static Result<std::unique_ptr<Workers>> create(EventLoop& loop);
  ~Workers();  // waits for what is under way; its `done` is not called any more
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // With too much under way already, it waits for its turn. Where no thread can be had, both are called at once.
  void start(std::function<void()> work, std::function<void()> done);

 private:
  struct Work {
    std::thread thread;
    std::function<void()> done;
  };
  struct Waiting {
    std::function<void()> work;
    std::function<void()> done;
  };
  Workers(EventLoop& loop, UniqueFd wake) : loop_(loop), wake_(std::move(wake)) {}
  void begin(const std::function<void()>& work, std::function<void()> done);
  void deliver();

  EventLoop& loop_;
  UniqueFd wake_;  // eventfd: something is finished
  std::unordered_map<std::uint64_t, Work> under_way_;
  std::deque<Waiting> waiting_;
  std::uint64_t next_ = 1;
  std::mutex mutex_;
  std::vector<std::uint64_t> finished_;  // guarded by mutex_
};

}  // namespace assent::session
