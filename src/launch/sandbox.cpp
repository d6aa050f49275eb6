#include "launch/sandbox.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "base/sys.h"
#include "launch/stage.h"

namespace assent::launch {

namespace {

bool in_first_pid_namespace() {
  constexpr ino_t kFirst = 0xEFFFFFFC;  // PROC_PID_INIT_INO
  struct stat stat {};
  return ::stat("/proc/self/ns/pid", &stat) == 0 && stat.st_ino == kFirst;
}

}  // namespace

Sandbox& Sandbox::operator=(Sandbox&& other) noexcept {
  if (this == &other) return *this;
  kill();
  channel_ = std::move(other.channel_);
  init_ = std::move(other.init_);
  agent_ = std::move(other.agent_);
  listener_ = std::move(other.listener_);
  name_sockets_ = std::move(other.name_sockets_);
  socket_maker_ = std::move(other.socket_maker_);
  has_relay_routes_ = other.has_relay_routes_;
  agent_root_ = std::move(other.agent_root_);
  init_pid_ = other.init_pid_;
  agent_pid_ = other.agent_pid_;
  agent_inner_pid_ = other.agent_inner_pid_;
  alone_ = other.alone_;
  pid_namespace_ = other.pid_namespace_;
  mounts_ = std::move(other.mounts_);
  floor_ = other.floor_;
  notes_ = std::move(other.notes_);
  return *this;
}

Sandbox::~Sandbox() { kill(); }

Status Sandbox::go() {
  const char word = 'g';
  if (::send(channel_.get(), &word, 1, MSG_NOSIGNAL) == 1) return {};
  const int code = errno;
  return fail(code,
              fmt::format("cannot start the agent: it is gone already ({}); start it again", ::strerrorname_np(code)));
}

Result<std::optional<AgentEvent>> Sandbox::next_event() {
  Message message;
  const ssize_t n = ::recv(channel_.get(), &message, sizeof message, MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::optional<AgentEvent>();
    if (errno != ECONNRESET) return sys::last_error("recv");
  }
  if (n != static_cast<ssize_t>(sizeof message)) return std::optional(AgentEvent{});
  AgentEvent event;
  event.value = message.value;
  event.core_dumped = message.core != 0;
  alone_ = alone_ || message.alone != 0;
  switch (message.kind) {
    case Message::Kind::ExecFailed:
      event.kind = AgentEvent::Kind::ExecFailed;
      break;
    case Message::Kind::Exited:
      event.kind = AgentEvent::Kind::Exited;
      break;
    case Message::Kind::Killed:
      event.kind = AgentEvent::Kind::Killed;
      break;
    case Message::Kind::Stopped:
      event.kind = AgentEvent::Kind::Stopped;
      break;
    case Message::Kind::Continued:
      event.kind = AgentEvent::Kind::Continued;
      break;
    case Message::Kind::Begun:
    case Message::Kind::Ready:
    case Message::Kind::Failed:
      return std::optional<AgentEvent>();  // said before its time; start() reads these
  }
  return std::optional(event);
}

Status Sandbox::signal(int number) {
  if (::kill(-agent_pid_, number) == 0) return {};
  return sys::last_error("kill");
}

void Sandbox::kill() {
  if (!init_) return;
  ::syscall(SYS_pidfd_send_signal, init_.get(), SIGKILL, nullptr, 0);
  siginfo_t info{};
  // The kernel ends everything in the namespace before it lets pid 1 be reaped. Its teardown takes a while, and where
  // nobody else was in there, nothing hangs on it. The first process of a container may be one that reaps no orphans.
  const int options = WEXITED | __WALL | (alone_ && in_first_pid_namespace() ? WNOHANG : 0);
  while (::waitid(P_PIDFD, static_cast<id_t>(init_.get()), &info, options) != 0 && errno == EINTR) {
  }
  init_.reset();
  agent_.reset();
}

}  // namespace assent::launch
