#include "base/event_loop.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/sys.h"

namespace assent {

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return sys::last_error("epoll_create1");
  UniqueFd alarm(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!alarm) return sys::last_error("timerfd_create");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = alarm.get();
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, alarm.get(), &event) != 0) return sys::last_error("epoll_ctl");
  return EventLoop(std::move(epoll), std::move(alarm));
}

Status EventLoop::add(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return sys::last_error("epoll_ctl");
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
  return {};
}

Status EventLoop::modify(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) return sys::last_error("epoll_ctl");
  return {};
}

Status EventLoop::add_direct(int fd, Handler handler) {
  if (direct_ >= 0) return fail(EBUSY, "cannot poll a second descriptor directly");
  direct_ = fd;
  direct_handler_ = std::make_shared<Handler>(std::move(handler));
  return {};
}

void EventLoop::remove(int fd) {
  if (fd == direct_) {
    direct_ = -1;
    direct_handler_.reset();
    sleeper_.reset();
    return;
  }
  if (handlers_.erase(fd) == 0) return;
  // The descriptor may be closed already; then the kernel has forgotten it by itself.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::after(std::chrono::nanoseconds delay, std::function<void()> callback) {
  const TimerId id{Clock::now() + delay, next_timer_++};
  timers_.emplace(id, std::move(callback));
  return id;
}

void EventLoop::cancel(TimerId timer) { timers_.erase(timer); }

void EventLoop::run_due_timers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.due <= now) {
    auto callback = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    next_turn();
    callback();
    next_turn();
  }
}

Status EventLoop::run_once(std::chrono::nanoseconds limit) {
  if (auto status = arm(); !status) return status;
  return wait(limit);
}

// A timer that was cancelled leaves the alarm as it is: it then goes off for nothing.
Status EventLoop::arm() {
  if (timers_.empty() || timers_.begin()->first.due >= alarm_at_) return {};
  const auto due = timers_.begin()->first.due;
  const auto since = std::max<std::chrono::nanoseconds>(due.time_since_epoch(), std::chrono::nanoseconds(1));
  itimerspec when{};
  when.it_value.tv_sec = since.count() / 1'000'000'000;
  when.it_value.tv_nsec = since.count() % 1'000'000'000;
  if (::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0)
    return sys::last_error("timerfd_settime");
  alarm_at_ = due;
  return {};
}

Status EventLoop::wait(std::chrono::nanoseconds limit) {
  timespec time{};
  time.tv_sec = limit.count() / 1'000'000'000;
  time.tv_nsec = limit.count() % 1'000'000'000;
  const timespec* until = limit.count() < 0 ? nullptr : &time;
  if (direct_ < 0) return serve_epoll(until);
  if (until != nullptr || streak_ < kStreak || !have_stand_in()) return poll_both(until);
  return sleep_for_one();
}

void EventLoop::call(const std::shared_ptr<Handler>& handler, std::uint32_t events) {
  const auto kept = handler;  // keeps it alive while it removes itself
  next_turn();
  (*kept)(events);
  next_turn();
}

Status EventLoop::poll_both(const timespec* until) {
  std::array<pollfd, 2> ready{{{direct_, POLLIN, 0}, {epoll_.get(), POLLIN, 0}}};
  if (::ppoll(ready.data(), ready.size(), until, nullptr) < 0 && errno != EINTR) return sys::last_error("ppoll");
  streak_ = ready[0].revents == POLLIN && ready[1].revents == 0 && sleeper_ ? streak_ + 1 : 0;
  if (streak_ == kStreak && have_stand_in()) stand_in_->watch();
  if (ready[0].revents != 0) call(direct_handler_, static_cast<std::uint32_t>(ready[0].revents));
  if (ready[1].revents == 0) return {};
  const timespec now{};
  return serve_epoll(&now);
}

bool EventLoop::have_stand_in() {
  if (!sleeper_) return false;
  if (stand_in_) return true;
  if (sleeper_->before_thread) sleeper_->before_thread();
  if (auto started = StandIn::start(epoll_.get())) {
    stand_in_ = std::move(*started);
  } else {
    sleeper_.reset();  // no thread can be had: polling does as well
  }
  return stand_in_ != nullptr;
}

Status EventLoop::sleep_for_one() {
  if (stand_in_->enter()) {
    const auto sleeper = sleeper_;
    sleeper->sleep();
    stand_in_->leave();
    call(direct_handler_, kTaken);
    if (!stand_in_->came() && sleeper_) return {};
  }
  streak_ = 0;
  const timespec now{};
  auto served = serve_epoll(&now);
  stand_in_->taken();
  return served;
}

Status EventLoop::serve_epoll(const timespec* wait) {
  std::array<epoll_event, 64> ready;
  const int n = ::epoll_pwait2(epoll_.get(), ready.data(), ready.size(), wait, nullptr);
  if (n < 0 && errno != EINTR) return sys::last_error("epoll_pwait2");
  bool alarmed = false;
  for (int i = 0; i < n; ++i) {
    if (ready[i].data.fd == alarm_.get()) {
      alarmed = true;
      continue;
    }
    // An earlier callback of this round may have removed the descriptor.
    const auto found = handlers_.find(ready[i].data.fd);
    if (found == handlers_.end()) continue;
    call(found->second, ready[i].events);
  }
  if (alarmed) {
    std::uint64_t times = 0;
    (void)!::read(alarm_.get(), &times, sizeof times);
    alarm_at_ = Clock::time_point::max();
    run_due_timers();
  }
  return {};
}

Status EventLoop::run() {
  stopped_ = false;
  while (!stopped_) {
    if (auto status = run_once(); !status) return status;
  }
  return {};
}

}  // namespace assent
