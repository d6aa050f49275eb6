// Logins: the words that let somebody in. A token opens a login once; a login is a cookie and a key, and both are
// wanted for everything: browsers send a cookie to every port of a host, so another server on loopback may come to see
// it, but the key lies in the page's own storage, which no other port can read. Held as hashes. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "web/web.h"

namespace assent::web {

inline constexpr std::chrono::minutes kDoorLife{2};
inline constexpr std::chrono::hours kLoginLife{12};
inline constexpr std::chrono::hours kIdleLife{1};

class Logins {
 public:
  using Clock = std::chrono::steady_clock;

  struct Opened {
    Login login;
    std::string cookie;
    std::string key;
  };

  // A token. Of one person's the newest few stand.
  std::string issue(Login login, Clock::time_point now);
  // None: no such token, or it was used, or its time is over.
  std::optional<Opened> redeem(std::string_view token, Clock::time_point now);
  // Whose login it is, and it stays open a while longer.
  std::optional<Login> find(std::string_view cookie, std::string_view key, Clock::time_point now);
  // The same, of a connection that was let in before.
  [[nodiscard]] bool is_open(std::string_view cookie, Clock::time_point now) const;
  void close(std::string_view cookie);

  [[nodiscard]] std::size_t tokens() const;
  [[nodiscard]] std::size_t open() const;

 private:
  using Hash = std::array<unsigned char, 32>;
  struct Token {
    Login login;
    Clock::time_point until;
  };
  struct Entry {
    Login login;
    Hash key{};
    Clock::time_point opened;
    Clock::time_point used;
  };
  static Hash hash(std::string_view word);
  void drop_old(Clock::time_point now);

  mutable std::mutex mutex_;
  std::map<Hash, Token> tokens_;
  std::map<Hash, Entry> logins_;
};

}  // namespace assent::web
