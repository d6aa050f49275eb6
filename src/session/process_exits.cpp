#include "session/process_exits.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <vector>

#include "base/kernel_abi.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

// The status is there once the parent has reaped the process, which is soon, or never if the parent does not care.
constexpr auto kReapTime = 10ms;
constexpr int kLooks = 3;

std::optional<int> status_of(int pidfd) {
  abi::PidfdInfo info{};
  info.mask = abi::kPidfdInfoExit;
  if (::ioctl(pidfd, abi::kPidfdGetInfo, &info) != 0 || (info.mask & abi::kPidfdInfoExit) == 0) return std::nullopt;
  return info.exit_code;
}

}  // namespace

ProcessExits::~ProcessExits() {
  for (const auto& [process, pidfd] : watched_) loop_.remove(pidfd.get());
}

void ProcessExits::watch(std::uint64_t process, int pidfd) {
  const auto [place, fresh] = watched_.try_emplace(process);
  if (!fresh) return;
  place->second.reset(::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  // Out of descriptors: its end is not recorded, and it is tried again at its next call.
  if (!place->second ||
      !loop_.add(place->second.get(), EPOLLIN, [this, process](std::uint32_t) { look(process, 1); })) {
    watched_.erase(place);
  }
}

void ProcessExits::look(std::uint64_t process, int attempt) {
  const auto found = watched_.find(process);
  if (found == watched_.end()) return;
  const auto status = status_of(found->second.get());
  if (status || attempt >= kLooks) return tell(process, status);
  loop_.remove(found->second.get());
  loop_.after(kReapTime, [this, process, attempt] { look(process, attempt + 1); });
}

void ProcessExits::tell(std::uint64_t process, std::optional<int> wait_status) {
  const auto found = watched_.find(process);
  if (found == watched_.end()) return;
  loop_.remove(found->second.get());
  watched_.erase(found);
  ended_(process, wait_status);
}

void ProcessExits::finish() {
  std::vector<std::uint64_t> all;
  for (const auto& [process, pidfd] : watched_) all.push_back(process);
  for (const auto process : all) tell(process, status_of(watched_.at(process).get()));
}

}  // namespace assent::session
