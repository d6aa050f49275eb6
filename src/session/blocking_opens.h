// BlockingOpens: opens that have to wait in the kernel (a FIFO without a reader) on threads of their own, so that no
// other call of the agent waits for them. In: a decided, recorded open. Out: its Outcome, on the event loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "assent/action.h"
#include "assent/permit.h"
#include "assent/result.h"
#include "assent/target.h"
#include "assent/unique_fd.h"
#include "base/event_loop.h"
#include "broker/broker.h"

namespace assent::session {

class BlockingOpens {
 public:
  using Done = std::function<void(broker::Outcome)>;

  static Result<std::unique_ptr<BlockingOpens>> create(EventLoop& loop, const broker::Broker& broker);
  ~BlockingOpens();  // interrupts and joins what still waits
  BlockingOpens(const BlockingOpens&) = delete;
  BlockingOpens& operator=(const BlockingOpens&) = delete;

  // `call` names the waiting call for cancel(). `done` is called once, later, on the loop's thread.
  // EAGAIN where too many wait already; then `done` is never called.
  Status start(std::uint64_t call, Permit permit, Open open, Target target, Done done);
  // The same for a read-open of what `agent_view` pins.
  Status start_reading(std::uint64_t call, Open open, UniqueFd agent_view, Done done);
  // The call died: ends its wait. `done` is called all the same (with EINTR).
  void cancel(std::uint64_t call);
  [[nodiscard]] std::vector<std::uint64_t> waiting() const;

 private:
  struct Work;
  BlockingOpens(EventLoop& loop, const broker::Broker& broker, UniqueFd wake);
  Status launch(std::unique_ptr<Work> work);
  void deliver();

  EventLoop& loop_;
  const broker::Broker& broker_;
  UniqueFd wake_;  // eventfd: something is finished
  std::unordered_map<std::uint64_t, std::unique_ptr<Work>> under_way_;
  std::mutex mutex_;
  std::vector<std::uint64_t> finished_;  // guarded by mutex_
};

}  // namespace assent::session
