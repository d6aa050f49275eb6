// Mover: renames names from one folder to another, by one thread of its own, while what comes next is got ready.
// In: batches, in order; what they need (folders, names) stays as it is until they are done. Out: an error number for
// each name. It never replaces anything, and knows nothing of what the names stand for.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "assent/file_id.h"
#include "assent/unique_fd.h"

namespace assent::undo {

struct Moves {
  struct Name {
    const char* from = nullptr;
    const char* to = nullptr;
    const FileId* exactly = nullptr;  // another object goes back (ESTALE); null: whatever has the name
    int code = 0;                     // when it is done
  };
  UniqueFd from, to;
  std::vector<Name> names;

 private:
  friend class Mover;
  bool done_ = false;
};

class Mover {
 public:
  // `after_each` is called by the mover's thread after every name that moved.
  explicit Mover(std::function<void()> after_each) : after_each_(std::move(after_each)) {}
  ~Mover();  // what was handed over is done first
  Mover(const Mover&) = delete;
  Mover& operator=(const Mover&) = delete;

  // Where there can be no thread, they are done here and now.
  void hand_over(Moves& moves);
  void wait_for(const Moves& moves);

 private:
  void move(Moves& moves) const;
  void work();

  std::function<void()> after_each_;
  std::mutex mutex_;
  std::condition_variable handed_over_, done_;
  std::deque<Moves*> waiting_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace assent::undo
