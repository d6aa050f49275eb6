#include "approve/daemon_conversation.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace assent::approve {

namespace {

constexpr std::size_t kMostUnsent = 64 << 20;

}  // namespace

DaemonConversation::~DaemonConversation() {
  *alive_ = false;
  close();
}

Status DaemonConversation::begin(DaemonLink&& link) {
  close();
  fd_ = link.take(frames_);
  auto status = loop_.add(fd_.get(), EPOLLIN, [this](std::uint32_t events) { on_socket(events); });
  if (!status) fd_.reset();
  return status;
}

void DaemonConversation::close() {
  if (fd_) loop_.remove(fd_.get());
  fd_.reset();
  frames_ = Frames();
  unsent_.clear();
}

void DaemonConversation::lose(const std::string& why) {
  close();
  events_.lost(why);
}

void DaemonConversation::send(const Message& message) {
  unsent_ += encode(message);
  if (unsent_.size() <= kMostUnsent) return flush();
  ::shutdown(fd_.get(), SHUT_RDWR);
}

void DaemonConversation::flush() {
  while (!unsent_.empty()) {
    const ssize_t n = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // a dead connection tells itself by reading
    unsent_.erase(0, static_cast<std::size_t>(n));
  }
  (void)loop_.modify(fd_.get(), unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT).has_value();
}

void DaemonConversation::on_socket(std::uint32_t events) {
  const auto alive = alive_;
  if ((events & EPOLLOUT) != 0) flush();
  if (!fd_ || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return lose("the approval daemon went away");
  frames_.feed({buffer.data(), static_cast<std::size_t>(n)});
  while (fd_) {
    auto payload = frames_.next();
    if (payload && !payload->has_value()) return;
    auto message = payload ? decode(**payload) : Result<Message>(pass(std::move(payload)));
    const bool understood = message && events_.said(std::move(*message));
    if (!*alive) return;
    if (!understood) return lose("the approval daemon said what nobody understands");
  }
}

}  // namespace assent::approve
