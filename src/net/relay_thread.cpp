#include "net/relay_thread.h"

#include <pthread.h>

#include <csignal>

#include "base/start_thread.h"

namespace assent::net {

Result<std::unique_ptr<RelayThread>> RelayThread::start() {
  auto loop = EventLoop::create();
  if (!loop) return pass(std::move(loop));
  std::unique_ptr<RelayThread> self(new RelayThread);
  self->loop_.emplace(std::move(*loop));
  auto mailbox = Mailbox::create(*self->loop_);
  if (!mailbox) return pass(std::move(mailbox));
  self->mailbox_ = std::move(*mailbox);
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto thread = start_thread([raw = self.get()] { (void)raw->loop_->run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread) return pass(std::move(thread));
  self->thread_ = std::move(*thread);
  return self;
}

RelayThread::~RelayThread() {
  if (thread_.joinable()) finish([] {});
}

void RelayThread::finish(std::function<void()> last) {
  post([this, last = std::move(last)] {
    last();
    loop_->stop();
  });
  thread_.join();
}

}  // namespace assent::net
