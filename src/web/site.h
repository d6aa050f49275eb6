// Site: what each address of the page means. In: requests. Out: replies, later or at once, always exactly one. Runs on
// the connections' thread; what may be slow is done on threads beside it.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>

#include "web/bucket.h"
#include "web/http.h"
#include "web/live_hub.h"
#include "web/logins.h"

namespace assent::web {

class Site {
 public:
  using Clock = std::chrono::steady_clock;
  using Answer = std::function<void(Reply)>;

  Site(boost::asio::io_context& io, Options options, Desk desk, Logins& logins);
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  // Nothing is begun any more, nothing is under way any more. When the connections' thread has ended.
  void stop();

  // `stream`: whoever asks, should it become one.
  void serve(Request request, std::shared_ptr<Stream> stream, Answer answer);
  void set_port(std::uint16_t port) { cookie_ = "assent_" + std::to_string(port); }
  // Of the cookie: every port has its own, for browsers do not tell ports apart.
  [[nodiscard]] const std::string& cookie() const { return cookie_; }

 private:
  struct Rates {
    Bucket reads{20, 80};
    Bucket answers{5, 30};
  };
  void log_in(const Request& request, const Answer& answer);
  void api(const Request& request, const Login& login, std::shared_ptr<Stream> stream, const Answer& answer);
  void live(const Request& request, const Login& login, std::shared_ptr<Stream> stream, const Answer& answer);
  void questions(const Request& request, const Login& login, const Answer& answer);
  void give(const Request& request, const Login& login, const Answer& answer);
  void records(const Request& request, const Answer& answer);
  void undo(const Request& request, const Answer& answer);
  void rule(const Request& request, const Login& login, const Answer& answer);
  [[nodiscard]] bool may_use(const approve::Person& person) const;
  [[nodiscard]] bool is_own(const Login& login) const;
  // Runs `work` beside, and gives what it gives.
  void beside(boost::asio::thread_pool& pool, std::function<Reply()> work, const Answer& answer);

  boost::asio::io_context& io_;
  Options options_;
  Desk desk_;
  Logins& logins_;
  LiveHub hub_;
  std::string cookie_;
  std::map<uid_t, Rates> rates_;
  Bucket failures_{1, 20};
  bool undoing_ = false;
  bool ruling_ = false;
  std::atomic<bool> stopping_ = false;
  boost::asio::thread_pool people_{1};   // the user database
  boost::asio::thread_pool records_{2};  // logs, an undo
};

}  // namespace assent::web
