// WebDesk: where the web page's threads and the daemon's loop meet. In: calls of any thread. Out: the same calls on the
// loop, a few at a time, so that a busy page leaves the loop to the sessions.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

#include "assentd/server.h"
#include "web/web.h"

namespace assent::assentd {

class WebDesk {
 public:
  // All outlive the desk.
  static Result<std::unique_ptr<WebDesk>> create(EventLoop& loop, State& state, Server& server);
  ~WebDesk();
  WebDesk(const WebDesk&) = delete;
  WebDesk& operator=(const WebDesk&) = delete;

  // Outlives whoever holds the calls.
  [[nodiscard]] web::Desk calls();

 private:
  WebDesk(EventLoop& loop, State& state, Server& server, UniqueFd bell)
      : loop_(loop), state_(state), server_(server), bell_(std::move(bell)) {}
  void post(std::function<void()> task);
  void ring() const;
  void on_bell();
  [[nodiscard]] web::Snapshot look(const Person& person, const std::string& words) const;

  EventLoop& loop_;
  State& state_;
  Server& server_;
  UniqueFd bell_;
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
};

}  // namespace assent::assentd
