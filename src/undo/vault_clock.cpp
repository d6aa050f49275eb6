#include "undo/vault_clock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <sstream>

#include "base/sys.h"

namespace assent::undo {
namespace {

constexpr const char* kName = "/.clock";
constexpr std::size_t kMostJumps = 64;

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

struct Written {
  Moment seen;  // wall_ns 0: nobody looked yet
  std::vector<ClockJump> jumps;
};

// "seen WALL BOOTTIME BOOT", then "jump AFTER UNCOUNTED" each; a word that is none of these ends it.
Written read(const std::string& state_vault) {
  Written out;
  auto text = sys::read_file(AT_FDCWD, (state_vault + kName).c_str());
  if (!text) return out;
  std::istringstream in(*text);
  std::string word;
  if (!(in >> word) || word != "seen" || !(in >> out.seen.wall_ns >> out.seen.boot_ns >> out.seen.boot)) return {};
  for (ClockJump jump; in >> word && word == "jump" && in >> jump.after_ns >> jump.uncounted_ns;)
    out.jumps.push_back(jump);
  return out;
}

void write(const std::string& state_vault, const Written& what) {
  std::string text = fmt::format("seen {} {} {}\n", what.seen.wall_ns, what.seen.boot_ns,
                                 what.seen.boot.empty() ? "-" : what.seen.boot);
  for (const auto& jump : what.jumps) text += fmt::format("jump {} {}\n", jump.after_ns, jump.uncounted_ns);
  const std::string made = fmt::format("{}{}.{}", state_vault, kName, ::getpid());
  auto file = sys::openat(AT_FDCWD, made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (!file) return;
  const bool whole = sys::write_all(file->get(), text).has_value();
  if (!whole || ::rename(made.c_str(), (state_vault + kName).c_str()) != 0) (void)::unlink(made.c_str());
}

}  // namespace

Moment moment_now() {
  Moment out{read_clock(CLOCK_REALTIME), read_clock(CLOCK_BOOTTIME), {}};
  if (auto boot = sys::read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id"); boot && boot->size() > 1)
    out.boot = boot->substr(0, boot->find('\n'));
  return out;
}

ClockJump jump_between(const Moment& before, const Moment& now) {
  constexpr auto in_ns = [](auto time) { return std::chrono::nanoseconds(time).count(); };
  const std::int64_t wall = now.wall_ns - before.wall_ns;
  const bool same_boot = !now.boot.empty() && now.boot == before.boot && now.boot_ns >= before.boot_ns;
  const std::int64_t least = same_boot ? now.boot_ns - before.boot_ns : 0;
  const std::int64_t most = same_boot ? least : in_ns(kMostCountedOff);
  ClockJump out{before.wall_ns, 0};
  if (same_boot && std::abs(wall - least) <= in_ns(kClockSlack)) return out;
  if (wall > most) out.uncounted_ns = wall - most;
  if (wall < least) out.uncounted_ns = wall - least;
  return out;
}

std::chrono::nanoseconds age_of(std::int64_t time_ns, std::int64_t now_ns, const std::vector<ClockJump>& jumps) {
  // What lies ahead of the clock was kept before it went back.
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  std::int64_t age = time_ns <= now_ns ? now_ns - time_ns : kNone;
  std::int64_t uncounted = 0;
  for (auto jump = jumps.rbegin(); jump != jumps.rend(); ++jump) {
    uncounted += jump->uncounted_ns;
    if (time_ns <= jump->after_ns) age = std::min(age, now_ns - time_ns - uncounted);
  }
  return std::chrono::nanoseconds(age == kNone ? now_ns - time_ns : age);
}

std::vector<ClockJump> look_at_clock(const std::string& state_vault, const Moment& now, std::int64_t newest_ns,
                                     Remember remember) {
  Written written = read(state_vault);
  if (written.seen.wall_ns == 0) written.seen.wall_ns = newest_ns;
  if (written.seen.wall_ns != 0) {
    if (const auto jump = jump_between(written.seen, now); jump.uncounted_ns != 0) written.jumps.push_back(jump);
  }
  // The oldest ones become one: what lies before the later of them seems younger than it is, and is kept.
  while (written.jumps.size() > kMostJumps) {
    auto& next = written.jumps[1];
    next = {std::max(next.after_ns, written.jumps[0].after_ns), next.uncounted_ns + written.jumps[0].uncounted_ns};
    written.jumps.erase(written.jumps.begin());
  }
  written.seen = now;
  if (remember == Remember::Yes) write(state_vault, written);
  return written.jumps;
}

}  // namespace assent::undo
