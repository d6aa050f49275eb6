// Freezes: which folders nobody may change from now on, whatever a profile says and whoever assents. In: the lists in
// the state folder and in /etc/assent, watched while the session runs. Out: the freeze that covers a path. A list that
// cannot be read freezes everything. Works without a daemon.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "session/freeze_list.h"

namespace assent::session {

class Freezes {
 public:
  // `folders` hold the lists. `changed` is called after each change of them. The loop must outlive this.
  static Result<std::unique_ptr<Freezes>> create(EventLoop& loop, std::vector<std::string> folders,
                                                 std::function<void()> changed);
  ~Freezes();
  Freezes(const Freezes&) = delete;
  Freezes& operator=(const Freezes&) = delete;

  // Reads the lists now: a freeze that was made before a human's yes must not be noticed after it.
  void look() { load(); }

  [[nodiscard]] bool any() const { return !freezes_.empty(); }
  // The freeze of a folder that is, or holds, `path`.
  [[nodiscard]] const Freeze* holding(std::string_view path) const;
  // The freeze of a folder that lies in `path`: moving that away would take the frozen one along.
  [[nodiscard]] const Freeze* within(std::string_view path) const;

 private:
  Freezes(EventLoop& loop, std::vector<std::string> folders, std::function<void()> changed)
      : loop_(loop), folders_(std::move(folders)), changed_(std::move(changed)) {}
  void settle();
  void watch();
  void on_event();
  void poll();
  void load();

  EventLoop& loop_;
  std::vector<std::string> folders_;
  std::function<void()> changed_;
  UniqueFd inotify_;
  EventLoop::TimerId timer_{};
  EventLoop::Clock::time_point settle_at_{};  // until then the lists are polled
  std::vector<Freeze> freezes_;
};

// The words of a denial.
std::string reason_of(const Freeze& freeze);

}  // namespace assent::session
