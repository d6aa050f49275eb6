#include "cli/watch_daemon.h"

#include <utility>

#include "cli/daemon_view.h"

namespace assent::cli {

namespace {

namespace message = approve::message;
using namespace std::chrono_literals;

constexpr auto kCallAgain = 500ms;
constexpr auto kGreeting = 300ms;   // the view stands still meanwhile
constexpr auto kLookAgain = 500ms;  // at a daemon that cannot tell when something changes
constexpr auto kShortestPause = 20ms;
constexpr auto kLongestWait = 30s;

}  // namespace

WatchDaemon::WatchDaemon(EventLoop& loop, Events events)
    : loop_(loop),
      events_(std::move(events)),
      daemon_(loop, {[this](approve::Message message) { return on_message(std::move(message)); },
                     [this](const std::string& why) { lost(why); }}) {}

WatchDaemon::~WatchDaemon() { loop_.cancel(timer_); }

void WatchDaemon::call() {
  timer_ = {};
  auto link = call_daemon("watch", kGreeting);
  if (!link) return lost(link.error().what);
  const std::string where = link->path();
  if (!daemon_.begin(std::move(*link))) return lost("cannot wait for the approval daemon");
  revision_ = 0;
  events_.connected(where);
  ask_for_list();
}

void WatchDaemon::lost(const std::string& why) {
  given_.clear();
  waiting_.clear();
  running_.clear();
  loop_.cancel(timer_);
  timer_ = loop_.after(kCallAgain, [this] { call(); });
  events_.disconnected(why);
}

void WatchDaemon::ask_for_list() {
  timer_ = {};
  list_began_ = {};
  daemon_.send(message::List{revision_, revision_ == 0 ? 0ms : std::chrono::milliseconds(kLongestWait)});
}

bool WatchDaemon::give(message::Give give) {
  if (!daemon_.open()) return false;
  given_.push_back(give);
  daemon_.send(give);
  return true;
}

bool WatchDaemon::on_message(approve::Message message) {
  if (auto* waiting = std::get_if<message::Waiting>(&message)) {
    if (list_began_ == std::chrono::steady_clock::time_point{}) list_began_ = std::chrono::steady_clock::now();
    waiting_.push_back(std::move(*waiting));
  } else if (auto* running = std::get_if<message::Running>(&message)) {
    running_.push_back(std::move(*running));
  } else if (const auto* end = std::get_if<message::End>(&message)) {
    const auto now = std::chrono::steady_clock::now();
    const auto took = list_began_ == std::chrono::steady_clock::time_point{} ? 0ns : now - list_began_;
    if (!end->unchanged) events_.told(std::exchange(waiting_, {}), std::exchange(running_, {}));
    revision_ = end->revision;
    // A long list is not asked for again and again while things come and go.
    const std::chrono::nanoseconds pause = revision_ == 0
                                               ? std::chrono::nanoseconds(kLookAgain)
                                               : std::max<std::chrono::nanoseconds>(4 * took, kShortestPause);
    timer_ = loop_.after(pause, [this] { ask_for_list(); });
  } else if (const auto* given = std::get_if<message::Given>(&message)) {
    if (given_.empty()) return false;
    const auto give = std::move(given_.front());
    given_.pop_front();
    events_.given(give.id, give.consent, given->missing);
  } else if (const auto* refused = std::get_if<message::Refused>(&message)) {
    if (given_.empty()) return false;
    const auto give = std::move(given_.front());
    given_.pop_front();
    events_.refused(give.id, refused->why);
  } else {
    return false;
  }
  return true;
}

}  // namespace assent::cli
