// Bucket: how often something may happen. Pure: the time is an argument.
#pragma once

#include <algorithm>
#include <chrono>

namespace assent::web {

class Bucket {
 public:
  using Clock = std::chrono::steady_clock;

  // `burst` at once, and `a_second` more each second.
  Bucket(double a_second, double burst) : a_second_(a_second), burst_(burst), left_(burst) {}

  bool take(Clock::time_point now) {
    if (now > last_) {
      if (last_ != Clock::time_point{})
        left_ = std::min(burst_, left_ + a_second_ * std::chrono::duration<double>(now - last_).count());
      last_ = now;
    }
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double a_second_;
  double burst_;
  double left_;
  Clock::time_point last_{};
};

}  // namespace assent::web
