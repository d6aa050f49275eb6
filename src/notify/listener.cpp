#include "notify/listener.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/kernel_abi.h"
#include "base/sys.h"
#include "notify/near_us.h"

namespace assent::notify {

namespace {

constexpr int kGreatestErrno = 4095;  // the kernel's MAX_ERRNO
constexpr auto kPlacingPatience = std::chrono::seconds(5);

std::uint32_t descriptor_flags(CloseOnExec close_on_exec) {
  switch (close_on_exec) {
    case CloseOnExec::Yes:
      return O_CLOEXEC;
    case CloseOnExec::No:
      return 0;
  }
  return O_CLOEXEC;
}

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // clang 14 does not make it up

}  // namespace

Result<Listener> Listener::adopt(UniqueFd fd) {
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return sys::last_error("seccomp");
  // A newer kernel that writes more than our structs hold would write over the stack.
  if (sizes.seccomp_notif != sizeof(seccomp_notif) || sizes.seccomp_notif_resp != sizeof(seccomp_notif_resp) ||
      sizes.seccomp_data != sizeof(seccomp_data)) {
    return fail(EPROTO, "seccomp: the kernel's notifications have another size than this program knows");
  }
  // An id that cannot be: ENOENT from a listener, ENOTTY, EBADF or EINVAL from anything else.
  std::uint64_t no_call = 0;
  if (::ioctl(fd.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &no_call) == 0 || errno != ENOENT) {
    return fail(EINVAL, "ioctl: not a seccomp listener");
  }
  // Inherited by no program that the supervisor may start: who holds a listener can answer.
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) return sys::last_error("fcntl");
  const bool synchronous = ::ioctl(fd.get(), abi::kIoctlNotifSetFlags, abi::kFdSyncWakeUp) == 0;
  return Listener(std::move(fd), synchronous);
}

Result<std::optional<Call>> Listener::receive(Readiness readiness) {
  // RECV waits, on Linux 6.1 even after the last user has gone, so it is called only where there is something.
  const auto look = [this](short& events) -> Status {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 0) < 0 && errno != EINTR) return sys::last_error("poll");
    events = waiting.revents;
    // Calls that wait come before the hang-up: with both shown, the users are not gone yet.
    if ((events & POLLIN) == 0 && (events & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      return fail(ESHUTDOWN, "poll: every process under the filter is gone");
    }
    return {};
  };
  short events = POLLIN;
  if (readiness == Readiness::Unknown) {
    if (auto status = look(events); !status) return pass(std::move(status));
    if ((events & POLLIN) == 0) return std::nullopt;
  }

  seccomp_notif notification{};  // the kernel insists on zeroes
  if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) {
    if (errno != ENOENT && errno != EINTR) return sys::last_error("ioctl SECCOMP_IOCTL_NOTIF_RECV");
    // The caller died meanwhile; it may have been the last.
    if (auto status = look(events); !status) return pass(std::move(status));
    return std::nullopt;
  }
  if (notification.pid == 0) {
    (void)send(notification.id, 0, -EPERM, 0);
    return std::nullopt;
  }
  if (notification.data.arch != AUDIT_ARCH_X86_64) {
    (void)send(notification.id, 0, -ENOSYS, 0);
    return std::nullopt;
  }
  leave_cpu_unless_for(static_cast<pid_t>(notification.pid));
  Call call;
  call.id = notification.id;
  call.tid = static_cast<pid_t>(notification.pid);
  call.number = notification.data.nr;
  std::copy(std::begin(notification.data.args), std::end(notification.data.args), call.arguments.begin());
  return call;
}

bool Listener::alive(std::uint64_t id) const { return ::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

Status Listener::reply(std::uint64_t id, const Reply& reply, pid_t tid) {
  return std::visit(Overloaded{
                        [&](const ReturnValue& value) { return send(id, value.value, 0, 0); },
                        [&](const ReturnErrno& error) {
                          const bool definite = error.code > 0 && error.code <= kGreatestErrno;
                          return send(id, 0, definite ? -error.code : -EPERM, 0);
                        },
                        [&](const ReturnDescriptor& descriptor) -> Status {
                          // Two steps, though the kernel could place and answer in one (SECCOMP_ADDFD_FLAG_SEND, 5.14):
                          // that marks the call as answered and then waits for the caller to run, and a signal to us
                          // ends the wait with the caller being told 0, as if that were its descriptor. It also wakes
                          // the caller on another CPU: 5 to 54 µs where these two steps took 6 to 8.
                          const NearUs near(tid);
                          auto number = place(id, descriptor.fd.get(), 0, 0, descriptor.close_on_exec);
                          if (number) return send(id, *number, 0, 0);
                          // The call still waits after a failed placing; only a caller that is gone waits for nothing.
                          if (number.error().code != ENOENT) {
                            if (auto sent = send(id, 0, -number.error().code, 0); !sent) return sent;
                          }
                          return pass(std::move(number));
                        },
                        [&](const Continue&) { return send(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); },
                    },
                    reply);
}

Result<int> Listener::add_descriptor(std::uint64_t id, int fd, CloseOnExec close_on_exec) {
  return place(id, fd, 0, 0, close_on_exec);
}

Status Listener::set_descriptor(std::uint64_t id, int fd, int number, CloseOnExec close_on_exec) {
  auto placed = place(id, fd, SECCOMP_ADDFD_FLAG_SETFD, number, close_on_exec);
  if (!placed) return pass(std::move(placed));
  return {};
}

Status Listener::send(std::uint64_t id, std::int64_t value, int error, std::uint32_t flags) {
  seccomp_notif_resp response{};
  response.id = id;
  response.val = value;
  response.error = error;
  response.flags = flags;
  if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) {
    return sys::last_error("ioctl SECCOMP_IOCTL_NOTIF_SEND");
  }
  return {};
}

Result<int> Listener::place(std::uint64_t id, int fd, std::uint32_t flags, int number, CloseOnExec close_on_exec) {
  seccomp_notif_addfd request{};
  request.id = id;
  request.flags = flags;
  request.srcfd = static_cast<std::uint32_t>(fd);
  request.newfd = static_cast<std::uint32_t>(number);
  request.newfd_flags = descriptor_flags(close_on_exec);
  // The kernel waits for the caller to run; a signal to us ends that, and the request was taken back. A caller that
  // lets itself be starved (SCHED_IDLE beside a thousand busy threads) is not waited for while everybody else is.
  std::optional<std::chrono::steady_clock::time_point> until;
  for (;;) {
    const int placed = ::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
    if (placed >= 0) return placed;
    if (errno != EINTR) return sys::last_error("ioctl SECCOMP_IOCTL_NOTIF_ADDFD");
    const auto now = std::chrono::steady_clock::now();
    if (!until) until = now + kPlacingPatience;
    if (now >= *until) {
      errno = EINTR;
      return sys::last_error("ioctl SECCOMP_IOCTL_NOTIF_ADDFD");
    }
  }
}

}  // namespace assent::notify
