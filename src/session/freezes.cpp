#include "session/freezes.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "approve/scopes.h"
#include "base/show.h"
#include "base/sys.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kEvents =
    IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// Only where the kernel gives us no inotify: a user may have 128 of them.
constexpr auto kPollEvery = 250ms;
// And while a session is young.
constexpr auto kYoung = 1s;
constexpr auto kPollYoung = 20ms;

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

std::string reason_of(const Freeze& freeze) {
  if (freeze.since.empty()) return freeze.by;
  return fmt::format("{} is frozen since {} by {}; 'assent thaw' ends it", show(freeze.folder), freeze.since,
                     show(freeze.by));
}

Result<std::unique_ptr<Freezes>> Freezes::create(EventLoop& loop, std::vector<std::string> folders,
                                                 std::function<void()> changed) {
  std::unique_ptr<Freezes> out(new Freezes(loop, std::move(folders), std::move(changed)));
  out->settle_at_ = EventLoop::Clock::now() + kYoung;
  out->load();
  out->poll();
  return out;
}

// A session that is over in a moment never comes to this: closing an inotify makes the kernel wait for 5 to 15 ms.
void Freezes::settle() {
  inotify_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (inotify_ && !loop_.add(inotify_.get(), EPOLLIN, [this](std::uint32_t) { on_event(); })) inotify_.reset();
  // First the watch, then the look: what comes in between is told.
  watch();
  load();
}

Freezes::~Freezes() {
  loop_.cancel(timer_);
  if (inotify_) loop_.remove(inotify_.get());
}

void Freezes::watch() {
  if (!inotify_) return;
  for (const auto& folder : folders_) {
    // A folder that is not there comes to be in one that is.
    for (std::string at = folder; ::inotify_add_watch(inotify_.get(), at.c_str(), kEvents) < 0; at = parent_of(at)) {
      if (errno != ENOENT && errno != ENOTDIR) {
        loop_.remove(inotify_.get());
        inotify_.reset();
        return;
      }
      if (at == "/") break;
    }
  }
}

void Freezes::on_event() {
  bool ours = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (ssize_t n = 0; (n = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < n;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string_view name =
          event.len > 0 ? std::string_view(buffer.data() + at + sizeof event) : std::string_view();
      // Not only the list itself: a folder above it that came or went, and events that were lost.
      ours = ours || name.empty() || name == kFreezesName || (event.mask & IN_ISDIR) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  if (!ours) return;
  watch();
  load();
  if (!inotify_) poll();
}

void Freezes::poll() {
  const bool young = EventLoop::Clock::now() < settle_at_;
  timer_ = loop_.after(young ? kPollYoung : kPollEvery, [this, young] {
    load();
    if (young && EventLoop::Clock::now() >= settle_at_) settle();
    if (!inotify_) poll();
  });
}

void Freezes::load() {
  std::vector<Freeze> now;
  for (const auto& folder : folders_) {
    auto list = read_freezes(folder);
    if (!list) {
      now.push_back({"/", list.error().what + "; until it is mended, everything is frozen", 0, ""});
    } else {
      now.insert(now.end(), std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
    }
  }
  if (now == freezes_) return;
  freezes_ = std::move(now);
  if (changed_) changed_();
}

const Freeze* Freezes::holding(std::string_view path) const {
  for (const auto& one : freezes_) {
    if (approve::lies_below(path, one.folder)) return &one;
  }
  return nullptr;
}

const Freeze* Freezes::within(std::string_view path) const {
  for (const auto& one : freezes_) {
    if (approve::lies_below(one.folder, path)) return &one;
  }
  return nullptr;
}

}  // namespace assent::session
