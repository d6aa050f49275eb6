#include "session/nameless_files.h"

#include <fcntl.h>

#include <chrono>
#include <utility>

#include "broker/act.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMost = 256;
// A tick is at most 10 ms, and so is the coarsest birth time of a file system that has O_TMPFILE.
constexpr auto kTick = 20ms;

}  // namespace

bool NamelessFiles::hold(int fd) {
  release();
  if (held_.size() >= kMost) return false;
  UniqueFd pinned(::open(broker::ObjectPath(fd).c_str(), O_PATH | O_CLOEXEC));
  if (!pinned) return false;
  held_.push_back({std::move(pinned), EventLoop::Clock::now()});
  arm();
  return true;
}

void NamelessFiles::release() {
  const auto over = EventLoop::Clock::now() - kTick;
  while (!held_.empty() && held_.front().since < over) held_.pop_front();
}

void NamelessFiles::arm() {
  if (timer_.number != 0) return;
  timer_ = loop_.after(kTick * 2, [this] {
    timer_ = {};
    release();
    if (!held_.empty()) arm();
  });
}

}  // namespace assent::session
