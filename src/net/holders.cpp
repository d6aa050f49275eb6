#include "net/holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/start_thread.h"
#include "base/sys.h"

namespace assent::net {

namespace {

constexpr std::string_view kEpoll = "anon_inode:[eventpoll]";

// "tfd:        5 events:       19 data:               5  pos:0 ino:6a7e sdev:8"
void read_registrations(std::string_view info, int epoll, const Holders& found, std::uint64_t inode,
                        std::vector<Registration>& out) {
  while (!info.empty()) {
    const std::string line(info.substr(0, info.find('\n')));
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    Registration one;
    one.epoll = epoll;
    unsigned long long data = 0;
    unsigned long long ino = 0;
    if (std::sscanf(line.c_str(), "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &one.number, &one.events, &data,
                    &ino) != 4)
      continue;
    one.data = data;
    // The number alone could have been given to another file since.
    bool held = false;
    for (const Holder& holder : found.descriptors) held = held || holder.number == one.number;
    if (ino == inode && held) out.push_back(one);
  }
}

CloseOnExec close_on_exec(std::string_view info) {
  const auto at = info.find("flags:");
  if (at == std::string_view::npos) return CloseOnExec::No;
  std::string_view digits = info.substr(at + 6);
  digits.remove_prefix(std::min(digits.size(), digits.find_first_not_of(" \t")));
  unsigned flags = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), flags, 8);
  return (flags & O_CLOEXEC) != 0 ? CloseOnExec::Yes : CloseOnExec::No;
}

}  // namespace

Result<Holders> holders(int proc, pid_t tid, std::uint64_t inode) {
  const std::string base = std::to_string(tid);
  auto folder = sys::openat(proc, (base + "/fd").c_str(), O_RDONLY | O_DIRECTORY);
  if (!folder) return pass(std::move(folder));
  const int at = folder->get();
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(at), ::closedir);
  if (!list) return sys::last_error("fdopendir");
  (void)folder->release();

  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  Holders out;
  std::vector<int> epolls;
  while (const dirent* entry = ::readdir(list.get())) {
    int number = 0;
    const std::string_view name = entry->d_name;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc()) continue;
    std::array<char, 64> link{};
    const ssize_t size = ::readlinkat(at, entry->d_name, link.data(), link.size());
    if (size <= 0) continue;
    const std::string_view target(link.data(), static_cast<std::size_t>(size));
    if (target == kEpoll) epolls.push_back(number);
    if (target != wanted) continue;
    auto info = sys::read_file(proc, (base + "/fdinfo/" + entry->d_name).c_str());
    if (!info) continue;  // closed meanwhile
    out.descriptors.push_back({number, close_on_exec(*info)});
  }
  for (const int epoll : epolls) {
    auto info = sys::read_file(proc, (base + "/fdinfo/" + std::to_string(epoll)).c_str());
    if (info) read_registrations(*info, epoll, out, inode, out.registrations);
  }
  return out;
}

int move_registrations(const std::vector<Move>& moves, int original, int replacement) {
  int code = 0;
  auto thread = start_thread([&] {
    if (::unshare(CLONE_FILES) != 0) {
      code = errno;
      return;
    }
    // Out of the way of every number that is about to be taken.
    int floor = 0;
    for (const Move& move : moves) floor = std::max(floor, move.registration.number + 1);
    const auto aside = [floor](int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, floor)); };
    const UniqueFd from = aside(original);
    const UniqueFd to = aside(replacement);
    std::vector<UniqueFd> epolls;
    for (const Move& move : moves) epolls.push_back(aside(move.epoll));
    for (std::size_t i = 0; i < moves.size(); ++i) {
      const Registration& old = moves[i].registration;
      epoll_event event{};
      event.events = old.events;
      event.data.u64 = old.data;
      bool ok = ::dup2(from.get(), old.number) == old.number;
      // It may have been taken out meanwhile; then it stays out.
      if (ok && ::epoll_ctl(epolls[i].get(), EPOLL_CTL_DEL, old.number, nullptr) != 0) continue;
      ok = ok && ::dup2(to.get(), old.number) == old.number &&
           ::epoll_ctl(epolls[i].get(), EPOLL_CTL_ADD, old.number, &event) == 0;
      if (!ok && code == 0) code = errno;
    }
  });
  if (!thread) return thread.error().code;
  thread->join();
  return code;
}

}  // namespace assent::net
