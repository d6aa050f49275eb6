#include "session/workers.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/start_thread.h"
#include "base/sys.h"
#include "notify/near_us.h"

namespace assent::session {

namespace {
constexpr std::size_t kMostThreads = 16;  // more would only make the disk seek
}

Result<std::unique_ptr<Workers>> Workers::create(EventLoop& loop) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::last_error("eventfd");
  std::unique_ptr<Workers> self(new Workers(loop, std::move(wake)));
  auto status = loop.add(self->wake_.get(), EPOLLIN, [raw = self.get()](std::uint32_t) { raw->deliver(); });
  if (!status) return pass(std::move(status));
  return self;
}

Workers::~Workers() {
  loop_.remove(wake_.get());
  for (auto& [number, work] : under_way_) work.thread.join();
}

void Workers::start(std::function<void()> work, std::function<void()> done) {
  if (under_way_.size() >= kMostThreads) return waiting_.push_back({std::move(work), std::move(done)});
  begin(work, std::move(done));
}

void Workers::begin(const std::function<void()>& work, std::function<void()> done) {
  const std::uint64_t number = next_++;
  Work& kept = under_way_[number];
  kept.done = std::move(done);
  notify::leave_cpu();
  auto thread = start_thread([this, number, work] {
    work();
    const std::lock_guard lock(mutex_);
    finished_.push_back(number);
    const std::uint64_t one = 1;
    // The counter cannot overflow with so few threads, so this write cannot fail.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  });
  if (thread) {
    kept.thread = std::move(*thread);
    return;
  }
  auto at_once = std::move(kept.done);
  under_way_.erase(number);
  work();
  at_once();
}

void Workers::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::uint64_t> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (const auto number : finished) {
    Work work = std::move(under_way_.at(number));
    under_way_.erase(number);
    work.thread.join();
    work.done();
  }
  while (!waiting_.empty() && under_way_.size() < kMostThreads) {
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(next.work, next.done);
  }
}

}  // namespace assent::session
