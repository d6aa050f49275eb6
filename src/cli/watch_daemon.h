// WatchDaemon: the connection of `assent watch` to the approval daemon. Calls again by itself while there is none; asks
// to be told when something has changed, so that a question is seen as soon as it is there.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "approve/daemon_conversation.h"
#include "approve/message.h"
#include "base/event_loop.h"

namespace assent::cli {

class WatchDaemon {
 public:
  struct Events {
    std::function<void(std::string where)> connected;
    std::function<void(std::string why)> disconnected;
    std::function<void(std::vector<approve::message::Waiting>, std::vector<approve::message::Running>)> told;
    std::function<void(std::string id, Consent consent, std::uint64_t missing)> given;
    std::function<void(std::string id, std::string why)> refused;
  };
  WatchDaemon(EventLoop& loop, Events events);
  ~WatchDaemon();
  WatchDaemon(const WatchDaemon&) = delete;
  WatchDaemon& operator=(const WatchDaemon&) = delete;

  void start() { call(); }
  // False: there is no daemon.
  bool give(approve::message::Give give);

 private:
  void call();
  bool on_message(approve::Message message);
  void ask_for_list();
  void lost(const std::string& why);

  EventLoop& loop_;
  Events events_;
  approve::DaemonConversation daemon_;
  std::deque<approve::message::Give> given_;  // not answered yet, in order
  std::vector<approve::message::Waiting> waiting_;
  std::vector<approve::message::Running> running_;
  std::uint64_t revision_ = 0;
  std::chrono::steady_clock::time_point list_began_{};
  EventLoop::TimerId timer_{};
};

}  // namespace assent::cli
