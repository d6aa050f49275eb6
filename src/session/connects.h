// Connects: connects that take their time, so that no other call of the agent waits for them. Two kinds: a socket of
// ours that is under way (waited for by the event loop), and a blocking connect on a duplicate of the agent's own
// socket, inside its empty network (in a thread, which can be interrupted). In: the call that waits. Out: what became
// of it, once, on the event loop's thread.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "assent/call.h"
#include "assent/result.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"
#include "broker/interrupt.h"

namespace assent::session {

class Connects {
 public:
  using Done = std::function<void(int code)>;
  using StillWaiting = std::function<bool(std::uint64_t call)>;

  static Result<std::unique_ptr<Connects>> create(EventLoop& loop, StillWaiting still_waiting);
  ~Connects();  // interrupts and joins what still waits; `done` is not called any more
  Connects(const Connects&) = delete;
  Connects& operator=(const Connects&) = delete;

  // SO_NETNS_COOKIE of the host's network.
  [[nodiscard]] std::uint64_t host_cookie() const { return host_cookie_; }

  // 0: `socket` is connected or has failed. EINPROGRESS: `limit` is over. EINTR: the call died, or a signal waits for
  // the caller. `socket` stays open until `done`. EAGAIN where too many wait already; then `done` is never called.
  Status wait(const Call& call, int socket, std::optional<std::chrono::nanoseconds> limit, Done done);
  // connect(socket, address), with its errno.
  Status connect(const Call& call, UniqueFd socket, const sockaddr_storage& address, socklen_t length, Done done);

  [[nodiscard]] std::size_t waiting() const { return outside_.size() + inside_.size(); }

 private:
  struct Outside {
    pid_t tid = 0;
    int socket = -1;
    EventLoop::TimerId limit;
    Done done;
  };
  struct Inside;

  Connects(EventLoop& loop, StillWaiting still_waiting, UniqueFd wake, std::uint64_t cookie)
      : loop_(loop), still_waiting_(std::move(still_waiting)), wake_(std::move(wake)), host_cookie_(cookie) {}
  void finish(std::uint64_t call, int code);
  void work();
  void deliver();
  void watch();
  void look();

  EventLoop& loop_;
  StillWaiting still_waiting_;
  UniqueFd wake_;  // eventfd: a thread has finished something
  std::uint64_t host_cookie_;
  std::unordered_map<std::uint64_t, Outside> outside_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Inside>> inside_;
  EventLoop::TimerId watch_{};

  std::vector<std::thread> threads_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable more_;
  std::deque<std::shared_ptr<Inside>> queue_;
  std::vector<std::uint64_t> finished_;
  std::size_t idle_ = 0;
  bool ending_ = false;
};

}  // namespace assent::session
