// LiveHub: the streams that tell open pages what is new. One look at the daemon a person, however many pages they have
// open; a page that does not keep up is told the newest state only. One thread: the connections'.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "web/logins.h"
#include "web/web.h"

namespace assent::web {

// One page that listens.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void tell(std::shared_ptr<const std::string> text) = 0;  // instead of what is not yet on its way
  virtual void beat() = 0;                                         // a sign of life
  virtual void finish() = 0;
};

class LiveHub {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostStreams = 16;  // of one person

  LiveHub(boost::asio::io_context& io, Desk& desk, Logins& logins)
      : io_(io), desk_(desk), logins_(logins), timer_(io) {}

  // False: too many.
  bool join(std::shared_ptr<Stream> stream, const Login& login, approve::Person person, std::string cookie);

 private:
  struct Member {
    std::weak_ptr<Stream> stream;
    std::string cookie;
    Clock::time_point joined;
  };
  struct Group {
    approve::Person person;
    std::optional<std::uint64_t> known;
    bool looking = false;
    std::vector<Member> members;
  };
  void tick();
  void look(uid_t uid, Group& group);
  void told(uid_t uid, std::optional<Snapshot> snapshot);

  boost::asio::io_context& io_;
  Desk& desk_;
  Logins& logins_;
  boost::asio::steady_timer timer_;
  std::map<uid_t, Group> groups_;
  Clock::time_point beaten_{};
  bool ticking_ = false;
};

}  // namespace assent::web
