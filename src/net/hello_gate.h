// HelloGate: lets a connection go on only if it begins with a TLS hello that asks for one of the names that were
// allowed, and with another such where the server asks for another. In: what either side has said so far. Out: what of
// the client's may go on. Never: ends the encryption.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/pump.h"

namespace assent::net {

class HelloGate {
 public:
  // `told`: called once, with nothing or with why the connection is refused; never where it ends before either.
  HelloGate(std::vector<std::string> names, std::function<void(const std::string& refused)> told)
      : names_(std::move(names)), told_(std::move(told)) {}

  Pump::Step operator()(std::span<const std::uint8_t> client, std::span<const std::uint8_t> server, bool ended);

 private:
  enum class Phase { First, Server, Second };
  Pump::Step first(std::span<const std::uint8_t> client, bool ended);
  Pump::Step second(std::span<const std::uint8_t> client, bool ended);
  [[nodiscard]] std::string refusal(std::span<const std::uint8_t> stream, bool ended, std::size_t& size,
                                    bool& more) const;
  Pump::Step let_go(std::size_t release);
  Pump::Step refuse(const std::string& why);

  std::vector<std::string> names_;
  std::function<void(const std::string& refused)> told_;
  Phase phase_ = Phase::First;
  std::size_t release_ = 0;
};

}  // namespace assent::net
