// Interrupt: ends a system call that another thread sleeps in. A signal sent once can arrive just before the call and
// be lost, so raise() starts a timer that signals the sleeping thread every millisecond until it has come out.
#pragma once

#include <ctime>

#include <atomic>
#include <mutex>

namespace assent::broker {

class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // From any thread, any number of times; returns at once.
  void raise();
  [[nodiscard]] bool raised() const { return raised_.load(); }

  // The calling thread sleeps between construction and destruction of this, and may be interrupted.
  class Sleep {
   public:
    explicit Sleep(Interrupt& interrupt);
    ~Sleep();
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;
    [[nodiscard]] bool armed() const { return interrupt_.armed_; }

   private:
    Interrupt& interrupt_;
  };

 private:
  void start_timer();  // with mutex_ held and armed_

  std::atomic<bool> raised_ = false;
  std::mutex mutex_;
  timer_t timer_{};
  bool armed_ = false;  // timer_ belongs to a thread that sleeps
};

}  // namespace assent::broker
