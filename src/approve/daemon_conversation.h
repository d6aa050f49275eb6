// DaemonConversation: messages to and from an approval daemon on the event loop, once the greeting is done. Never
// blocks: what the socket does not take waits here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "approve/daemon_link.h"
#include "approve/message.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"

namespace assent::approve {

class DaemonConversation {
 public:
  struct Events {
    std::function<bool(Message)> said;             // false: nobody understands that, and it is over
    std::function<void(const std::string&)> lost;  // it is over, and not by close(); may destroy the conversation
  };

  // The loop must outlive it.
  DaemonConversation(EventLoop& loop, Events events) : loop_(loop), events_(std::move(events)) {}
  ~DaemonConversation();
  DaemonConversation(const DaemonConversation&) = delete;
  DaemonConversation& operator=(const DaemonConversation&) = delete;

  Status begin(DaemonLink&& link);
  // Never calls back. With too much unsent it ends, and lost() is called from the loop.
  void send(const Message& message);
  void close();
  [[nodiscard]] bool open() const { return fd_.valid(); }

 private:
  void on_socket(std::uint32_t events);
  void flush();
  void lose(const std::string& why);

  EventLoop& loop_;
  Events events_;
  UniqueFd fd_;
  Frames frames_;
  std::string unsent_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace assent::approve
