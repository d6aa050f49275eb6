#include "undo/mover.h"

#include "base/start_thread.h"
#include "undo/object.h"

namespace assent::undo {

Mover::~Mover() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  handed_over_.notify_one();
  thread_.join();
}

void Mover::hand_over(Moves& moves) {
  moves.done_ = false;
  if (!thread_.joinable()) {
    auto thread = start_thread([this] { work(); });
    if (!thread) {
      move(moves);
      moves.done_ = true;
      return;
    }
    thread_ = std::move(*thread);
  }
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&moves);
  }
  handed_over_.notify_one();
}

void Mover::wait_for(const Moves& moves) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&moves] { return moves.done_; });
}

void Mover::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    handed_over_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Moves& moves = *waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    move(moves);
    lock.lock();
    moves.done_ = true;
    done_.notify_one();
  }
}

void Mover::move(Moves& moves) const {
  const int from = moves.from.get();
  const int to = moves.to.get();
  for (Moves::Name& name : moves.names) {
    name.code = name.exactly != nullptr ? rename_exactly(*name.exactly, from, name.from, to, name.to)
                                        : rename_noreplace(from, name.from, to, name.to);
    if (name.code == 0) after_each_();
  }
}

}  // namespace assent::undo
