#include "session/blocking_opens.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>

#include "base/start_thread.h"
#include "base/sys.h"
#include "notify/near_us.h"

namespace assent::session {

namespace {
constexpr std::size_t kMostThreads = 256;
}

struct BlockingOpens::Work {
  std::uint64_t call = 0;
  std::optional<Permit> permit;  // none: an open for reading
  Open open;
  Target target;
  UniqueFd agent_view;
  Done done;
  broker::Interrupt interrupt;
  broker::Outcome outcome;
  std::thread thread;
};

BlockingOpens::BlockingOpens(EventLoop& loop, const broker::Broker& broker, UniqueFd wake)
    : loop_(loop), broker_(broker), wake_(std::move(wake)) {}

Result<std::unique_ptr<BlockingOpens>> BlockingOpens::create(EventLoop& loop, const broker::Broker& broker) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::last_error("eventfd");
  std::unique_ptr<BlockingOpens> self(new BlockingOpens(loop, broker, std::move(wake)));
  auto status = loop.add(self->wake_.get(), EPOLLIN, [raw = self.get()](std::uint32_t) { raw->deliver(); });
  if (!status) return pass(std::move(status));
  return self;
}

BlockingOpens::~BlockingOpens() {
  loop_.remove(wake_.get());
  for (auto& [call, work] : under_way_) work->interrupt.raise();
  for (auto& [call, work] : under_way_) work->thread.join();
}

Status BlockingOpens::start(std::uint64_t call, Permit permit, Open open, Target target, Done done) {
  auto work = std::make_unique<Work>();
  work->call = call;
  work->permit.emplace(std::move(permit));
  work->open = std::move(open);
  work->target = std::move(target);
  work->done = std::move(done);
  return launch(std::move(work));
}

Status BlockingOpens::start_reading(std::uint64_t call, Open open, UniqueFd agent_view, Done done) {
  auto work = std::make_unique<Work>();
  work->call = call;
  work->open = std::move(open);
  work->agent_view = std::move(agent_view);
  work->done = std::move(done);
  return launch(std::move(work));
}

Status BlockingOpens::launch(std::unique_ptr<Work> work) {
  if (under_way_.size() >= kMostThreads)
    return fail(EAGAIN, "cannot wait for one more open: too many wait already (EAGAIN)");
  Work& kept = *work;
  under_way_[kept.call] = std::move(work);
  notify::leave_cpu();
  auto thread = start_thread([this, &kept] {
    kept.outcome = kept.permit
                       ? broker_.perform_blocking(std::move(*kept.permit), kept.open, kept.target, kept.interrupt)
                       : broker_.open_for_reading(kept.open, kept.agent_view.get(), &kept.interrupt);
    const std::lock_guard lock(mutex_);
    finished_.push_back(kept.call);
    const std::uint64_t one = 1;
    // The counter cannot overflow with so few threads, so this write cannot fail.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  });
  if (!thread) {
    under_way_.erase(kept.call);
    return pass(std::move(thread));
  }
  kept.thread = std::move(*thread);
  return {};
}

void BlockingOpens::cancel(std::uint64_t call) {
  if (const auto found = under_way_.find(call); found != under_way_.end()) found->second->interrupt.raise();
}

std::vector<std::uint64_t> BlockingOpens::waiting() const {
  std::vector<std::uint64_t> out;
  for (const auto& [call, work] : under_way_) out.push_back(call);
  return out;
}

void BlockingOpens::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::uint64_t> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (const auto call : finished) {
    const auto work = std::move(under_way_.at(call));
    under_way_.erase(call);
    work->thread.join();
    work->done(std::move(work->outcome));
  }
}

}  // namespace assent::session
