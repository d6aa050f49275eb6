#include "base/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/sys.h"

namespace assent {

Result<std::unique_ptr<Mailbox>> Mailbox::create(EventLoop& loop) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::last_error("eventfd");
  std::unique_ptr<Mailbox> self(new Mailbox(loop, std::move(wake)));
  auto status = loop.add(self->wake_.get(), EPOLLIN, [raw = self.get()](std::uint32_t) { raw->deliver(); });
  if (!status) return pass(std::move(status));
  return self;
}

Mailbox::~Mailbox() { loop_.remove(wake_.get()); }

void Mailbox::post(std::function<void()> work) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = work_.empty();
    work_.push_back(std::move(work));
  }
  if (!first) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

void Mailbox::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(work_);
  }
  for (auto& one : work) one();
}

}  // namespace assent
