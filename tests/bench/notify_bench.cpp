// What the listener costs above the bare kernel. "limit" is a supervisor that only receives and answers with raw ioctls
// and SYNC_WAKE_UP; the others do the same through notify::Listener. One iteration is one call of the child, which does
// nothing else. Run them together (--benchmark_repetitions=5) and compare the medians; a ratio across runs says
// nothing.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "base/event_loop.h"
#include "base/kernel_abi.h"
#include "notify/listener.h"
#include "support/watched_child.h"

namespace assent {
namespace {

enum class Wakes { Kernel, Synchronously };

// Calls without end; killed when the benchmark is over.
int call_for_ever() {
  for (;;) ::syscall(SYS_getppid);
}

void raw(benchmark::State& state, Wakes wakes) {
  test::WatchedChild child({SYS_getppid}, call_for_ever);
  const UniqueFd listener = child.take_listener();
  if (wakes == Wakes::Synchronously && ::ioctl(listener.get(), abi::kIoctlNotifSetFlags, abi::kFdSyncWakeUp) != 0) {
    return state.SkipWithError("no SYNC_WAKE_UP on this kernel");
  }
  for (auto _ : state) {
    seccomp_notif notification{};
    seccomp_notif_resp response{};
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return state.SkipWithError("recv");
    response.id = notification.id;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) return state.SkipWithError("send");
  }
}

void limit(benchmark::State& state) { raw(state, Wakes::Synchronously); }
void limit_without_sync_wake_up(benchmark::State& state) { raw(state, Wakes::Kernel); }

// As the session does it: the loop sees EPOLLIN, one call is received and answered.
void limit_with_epoll(benchmark::State& state) {
  test::WatchedChild child({SYS_getppid}, call_for_ever);
  const UniqueFd listener = child.take_listener();
  ::ioctl(listener.get(), abi::kIoctlNotifSetFlags, abi::kFdSyncWakeUp);
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{EPOLLIN, {}};
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &event);
  for (auto _ : state) {
    ::epoll_wait(epoll.get(), &event, 1, -1);
    seccomp_notif notification{};
    seccomp_notif_resp response{};
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return state.SkipWithError("recv");
    response.id = notification.id;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) return state.SkipWithError("send");
  }
}

void listener_alone(benchmark::State& state) {
  test::WatchedChild child({SYS_getppid}, call_for_ever);
  auto listener = notify::Listener::adopt(child.take_listener());
  if (!listener) return state.SkipWithError("adopt");
  for (auto _ : state) {
    // The bare receive waits by itself, so nothing has to be polled.
    auto call = listener->receive(notify::Readiness::Seen);
    if (!call || !*call) return state.SkipWithError("receive");
    if (!listener->reply((*call)->id, ReturnValue{1})) return state.SkipWithError("reply");
  }
}

void listener_in_event_loop(benchmark::State& state) {
  test::WatchedChild child({SYS_getppid}, call_for_ever);
  auto listener = notify::Listener::adopt(child.take_listener());
  auto loop = EventLoop::create();
  if (!listener || !loop) return state.SkipWithError("adopt");
  bool failed = false;
  (void)loop->add(listener->fd(), EPOLLIN, [&](std::uint32_t) {
    auto call = listener->receive(notify::Readiness::Seen);
    failed = !call || !*call || !listener->reply((*call)->id, ReturnValue{1});
  });
  for (auto _ : state) {
    if (!loop->run_once() || failed) return state.SkipWithError("loop");
  }
}

// The same with a descriptor for an answer: the kernel's one step (ADDFD with SEND), the listener's two.
void one_step_descriptor(benchmark::State& state) {
  test::WatchedChild child({SYS_getppid}, [] {
    for (;;) ::close(static_cast<int>(::syscall(SYS_getppid)));
    return 0;
  });
  const UniqueFd listener = child.take_listener();
  ::ioctl(listener.get(), abi::kIoctlNotifSetFlags, abi::kFdSyncWakeUp);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (auto _ : state) {
    seccomp_notif notification{};
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return state.SkipWithError("recv");
    const UniqueFd copy(::dup(null.get()));
    seccomp_notif_addfd request{};
    request.id = notification.id;
    request.flags = SECCOMP_ADDFD_FLAG_SEND;
    request.srcfd = static_cast<std::uint32_t>(copy.get());
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request) < 0) return state.SkipWithError("addfd");
  }
}

void listener_descriptor(benchmark::State& state) {
  test::WatchedChild child({SYS_getppid}, [] {
    for (;;) ::close(static_cast<int>(::syscall(SYS_getppid)));
    return 0;
  });
  auto listener = notify::Listener::adopt(child.take_listener());
  if (!listener) return state.SkipWithError("adopt");
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (auto _ : state) {
    auto call = listener->receive(notify::Readiness::Seen);
    if (!call || !*call) return state.SkipWithError("receive");
    if (!listener->reply((*call)->id, ReturnDescriptor{UniqueFd(::dup(null.get())), CloseOnExec::No})) {
      return state.SkipWithError("reply");
    }
  }
}

BENCHMARK(limit)->UseRealTime();
BENCHMARK(listener_alone)->UseRealTime();
BENCHMARK(limit_with_epoll)->UseRealTime();
BENCHMARK(listener_in_event_loop)->UseRealTime();
BENCHMARK(one_step_descriptor)->UseRealTime();
BENCHMARK(listener_descriptor)->UseRealTime();
BENCHMARK(limit_without_sync_wake_up)->UseRealTime();

}  // namespace
}  // namespace assent
