#include "base/event_loop.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "base/sys.h"

namespace assent {

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return sys::last_error("epoll_create1");
  return EventLoop(std::move(epoll));
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
    return;
  }
  // The descriptor may be closed already; then the kernel has forgotten it by itself.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  handlers_.erase(fd);
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
    callback();
  }
}

Status EventLoop::run_once(std::chrono::nanoseconds limit) {
  if (!timers_.empty()) {
    const auto until = std::max<std::chrono::nanoseconds>(timers_.begin()->first.due - Clock::now(), {});
    if (limit.count() < 0 || until < limit) limit = until;
  }
  if (auto status = wait(limit); !status) return status;
  run_due_timers();
  return {};
}

Status EventLoop::wait(std::chrono::nanoseconds limit) {
  timespec time{};
  time.tv_sec = limit.count() / 1'000'000'000;
  time.tv_nsec = limit.count() % 1'000'000'000;
  const timespec* until = limit.count() < 0 ? nullptr : &time;
  if (direct_ < 0) return serve_epoll(until);

  std::array<pollfd, 2> ready{{{direct_, POLLIN, 0}, {epoll_.get(), POLLIN, 0}}};
  if (::ppoll(ready.data(), ready.size(), until, nullptr) < 0 && errno != EINTR) return sys::last_error("ppoll");
  if (ready[0].revents != 0) {
    const auto handler = direct_handler_;  // keeps it alive while it removes itself
    (*handler)(static_cast<std::uint32_t>(ready[0].revents));
  }
  if (ready[1].revents == 0) return {};
  const timespec now{};
  return serve_epoll(&now);
}

Status EventLoop::serve_epoll(const timespec* wait) {
  std::array<epoll_event, 64> ready;
  const int n = ::epoll_pwait2(epoll_.get(), ready.data(), ready.size(), wait, nullptr);
  if (n < 0 && errno != EINTR) return sys::last_error("epoll_pwait2");
  for (int i = 0; i < n; ++i) {
    // An earlier callback of this round may have removed the descriptor.
    const auto found = handlers_.find(ready[i].data.fd);
    if (found == handlers_.end()) continue;
    const auto handler = found->second;  // keeps it alive while it removes itself
    (*handler)(ready[i].events);
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
