// EventLoop: one thread's wait for descriptors and timers. Level-triggered epoll. In: descriptors with callbacks,
// timers. It never reads from a descriptor and never owns one. A callback may add, change and remove anything.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "base/stand_in.h"

namespace assent {

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Handler = std::function<void(std::uint32_t events)>;
  struct TimerId {
    Clock::time_point due{};
    std::uint64_t number = 0;  // 0: no timer
    friend auto operator<=>(const TimerId&, const TimerId&) = default;
  };

  static Result<EventLoop> create();

  Status add(int fd, std::uint32_t events, Handler handler);
  // The same for the one descriptor whose waker wants us on its own CPU (the seccomp listener under SYNC_WAKE_UP): it
  // is polled directly, for epoll in between would lose that wish. EPOLLIN only. EBUSY: there is one already.
  Status add_direct(int fd, Handler handler);
  // How to wait for it without polling. `sleep` waits in the kernel until `fd` has something, and takes it; it may come
  // back with nothing, and does where a signal interrupts it. Then the handler is called, with kTaken. `before_thread`
  // is called before a thread is started, which waits for everything else meanwhile (stand_in.h).
  //
  // That saves a call and a half for each thing that comes, but costs a wake of two threads where something else does.
  // So it is done while kStreak came in a row and nothing else.
  struct Sleeper {
    std::function<void()> sleep;
    std::function<void()> before_thread;
  };
  void sleep_for_direct(Sleeper sleeper) { sleeper_ = std::make_shared<Sleeper>(std::move(sleeper)); }
  static constexpr std::uint32_t kTaken = 0;
  static constexpr int kStreak = 32;
  Status modify(int fd, std::uint32_t events);
  void remove(int fd);

  TimerId after(std::chrono::nanoseconds delay, std::function<void()> callback);
  void cancel(TimerId timer);

  // Runs until stop(). Fails only when epoll itself fails.
  Status run();
  // One wait (at most `limit`; negative: until something happens) and the callbacks that are due.
  Status run_once(std::chrono::nanoseconds limit = std::chrono::nanoseconds(-1));
  void stop() { stopped_ = true; }

  // From any thread: another number whenever a callback begins or ends.
  [[nodiscard]] std::uint32_t turn() const { return turn_->load(std::memory_order_relaxed); }
  static bool is_busy(std::uint32_t turn) { return turn % 2 == 1; }

 private:
  EventLoop(UniqueFd epoll, UniqueFd alarm) : epoll_(std::move(epoll)), alarm_(std::move(alarm)) {}
  void run_due_timers();
  Status arm();
  Status wait(std::chrono::nanoseconds limit);
  Status serve_epoll(const timespec* wait);
  Status poll_both(const timespec* wait);
  Status sleep_for_one();
  void call(const std::shared_ptr<Handler>& handler, std::uint32_t events);
  bool have_stand_in();
  // One writer, so no locked instruction is needed.
  void next_turn() { turn_->store(turn_->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

  UniqueFd epoll_;
  // A timerfd in epoll_, for the first of timers_. A time limit of each wait would set the machine's timer in each.
  UniqueFd alarm_;
  Clock::time_point alarm_at_ = Clock::time_point::max();  // when it goes off; max: never
  std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
  std::map<TimerId, std::function<void()>> timers_;
  std::uint64_t next_timer_ = 1;
  int direct_ = -1;
  std::shared_ptr<Handler> direct_handler_;
  std::shared_ptr<Sleeper> sleeper_;
  std::unique_ptr<StandIn> stand_in_;  // for epoll_
  int streak_ = 0;
  bool stopped_ = false;
  std::unique_ptr<std::atomic<std::uint32_t>> turn_ = std::make_unique<std::atomic<std::uint32_t>>(0);
};

}  // namespace assent
