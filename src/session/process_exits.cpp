#include "session/process_exits.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <utility>

#include "base/kernel_abi.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

// The status is there once the parent has reaped the process, which is soon, or never if the parent does not care.
constexpr auto kReapTime = 10ms;
constexpr int kLooks = 3;

// How late the end of a process that did not live longer than this may stand in the record.
constexpr auto kYouth = 50ms;

std::optional<int> status_of(int pidfd) {
  abi::PidfdInfo info{};
  info.mask = abi::kPidfdInfoExit;
  if (::ioctl(pidfd, abi::kPidfdGetInfo, &info) != 0 || (info.mask & abi::kPidfdInfoExit) == 0) return std::nullopt;
  return info.exit_code;
}

}  // namespace

ProcessExits::~ProcessExits() {
  for (const auto& [process, pidfd] : watched_) loop_.remove(pidfd->get());
}

void ProcessExits::watch(std::uint64_t process, std::shared_ptr<const UniqueFd> pidfd) {
  if (!watched_.try_emplace(process, std::move(pidfd)).second) return;
  if (young_.empty()) loop_.after(kYouth, [this] { look_at_young(); });
  young_.push_back(process);
}

void ProcessExits::look_at_young() {
  const auto young = std::exchange(young_, {});
  std::vector<pollfd> ends;
  ends.reserve(young.size());
  for (const auto process : young) {
    const auto found = watched_.find(process);
    ends.push_back({found == watched_.end() ? -1 : found->second->get(), POLLIN, 0});
  }
  // Where poll fails all are taken for living; the loop then tells.
  if (::poll(ends.data(), ends.size(), 0) < 0) {
    for (auto& end : ends) end.revents = 0;
  }
  for (std::size_t i = 0; i < young.size(); ++i) {
    if (ends[i].fd < 0) continue;
    const auto process = young[i];
    if (ends[i].revents != 0) {
      look(process, 1);
    } else if (!loop_.add(ends[i].fd, EPOLLIN, [this, process](std::uint32_t) { look(process, 1); })) {
      watched_.erase(process);  // its end is not recorded, and it is tried again at its next call
    }
  }
}

void ProcessExits::look(std::uint64_t process, int attempt) {
  const auto found = watched_.find(process);
  if (found == watched_.end()) return;
  const auto status = status_of(found->second->get());
  if (status || attempt >= kLooks) return tell(process, status);
  loop_.remove(found->second->get());
  loop_.after(kReapTime, [this, process, attempt] { look(process, attempt + 1); });
}

void ProcessExits::tell(std::uint64_t process, std::optional<int> wait_status) {
  const auto found = watched_.find(process);
  if (found == watched_.end()) return;
  loop_.remove(found->second->get());
  watched_.erase(found);
  ended_(process, wait_status);
}

void ProcessExits::finish() {
  std::vector<std::uint64_t> all;
  for (const auto& [process, pidfd] : watched_) all.push_back(process);
  for (const auto process : all) tell(process, status_of(watched_.at(process)->get()));
}

}  // namespace assent::session
