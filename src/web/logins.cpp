#include "web/logins.h"

#include <sodium.h>

#include <algorithm>

namespace assent::web {

namespace {

constexpr std::size_t kMostTokens = 8;   // of one person
constexpr std::size_t kMostLogins = 16;  // of one person

std::string new_word() {
  std::array<unsigned char, 32> bytes;
  ::randombytes_buf(bytes.data(), bytes.size());
  std::array<char, sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text{};
  ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text.data();
}

bool is_over(Logins::Clock::time_point opened, Logins::Clock::time_point used, Logins::Clock::time_point now) {
  return now >= opened + kLoginLife || now >= used + kIdleLife;
}

// Makes room for one more of this uid: the oldest goes.
template <class Map, class Age>
void keep_newest(Map& map, uid_t uid, std::size_t most, Age age) {
  auto oldest = map.end();
  std::size_t count = 0;
  for (auto at = map.begin(); at != map.end(); ++at) {
    if (at->second.login.uid != uid) continue;
    ++count;
    if (oldest == map.end() || age(at->second) < age(oldest->second)) oldest = at;
  }
  if (count >= most) map.erase(oldest);
}

}  // namespace

Logins::Hash Logins::hash(std::string_view word) {
  Hash out{};
  ::crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(word.data()), word.size(),
                       nullptr, 0);
  return out;
}

void Logins::drop_old(Clock::time_point now) {
  std::erase_if(tokens_, [&](const auto& one) { return now >= one.second.until; });
  std::erase_if(logins_, [&](const auto& one) { return is_over(one.second.opened, one.second.used, now); });
}

std::string Logins::issue(Login login, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  keep_newest(tokens_, login.uid, kMostTokens, [](const Token& token) { return token.until; });
  std::string token = new_word();
  tokens_.emplace(hash(token), Token{std::move(login), now + kDoorLife});
  return token;
}

std::optional<Logins::Opened> Logins::redeem(std::string_view token, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  const auto found = tokens_.find(hash(token));
  if (found == tokens_.end()) return std::nullopt;
  Opened out{std::move(found->second.login), new_word(), new_word()};
  tokens_.erase(found);
  keep_newest(logins_, out.login.uid, kMostLogins, [](const Entry& entry) { return entry.used; });
  logins_.emplace(hash(out.cookie), Entry{out.login, hash(out.key), now, now});
  return out;
}

std::optional<Login> Logins::find(std::string_view cookie, std::string_view key, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  const auto found = logins_.find(hash(cookie));
  if (found == logins_.end()) return std::nullopt;
  const Hash given = hash(key);
  if (::sodium_memcmp(given.data(), found->second.key.data(), given.size()) != 0) return std::nullopt;
  found->second.used = now;
  return found->second.login;
}

bool Logins::is_open(std::string_view cookie, Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const auto found = logins_.find(hash(cookie));
  return found != logins_.end() && !is_over(found->second.opened, found->second.used, now);
}

void Logins::close(std::string_view cookie) {
  const std::lock_guard lock(mutex_);
  logins_.erase(hash(cookie));
}

std::size_t Logins::tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_.size();
}

std::size_t Logins::open() const {
  const std::lock_guard lock(mutex_);
  return logins_.size();
}

}  // namespace assent::web
