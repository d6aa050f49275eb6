// truncate. One call on the pinned object: done or not done, nothing between.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "broker/act.h"
#include "broker/broker.h"
#include "broker/permission.h"

namespace assent::broker {

Outcome Broker::truncate(const Truncate& act, Target& target, const CallerFacts& caller, std::uint64_t sequence) {
  const Pinned pinned = pin(target);
  if (pinned.error != 0) return not_pinned(pinned);

  // RLIMIT_FSIZE is the caller's, not ours; the kernel looks at it last, and only where the file grows.
  if (caller.file_size_limit != RLIM_INFINITY && static_cast<std::uint64_t>(act.length) > caller.file_size_limit) {
    auto now = sys::statx(pinned.fd, "");
    if (now && static_cast<std::uint64_t>(act.length) > now->stx_size) {
      if (auto code = foresee(act, std::span<const Target>(&target, 1))) return failed(*code);
      Outcome outcome = failed(EFBIG);
      outcome.signal = SIGXFSZ;
      return outcome;
    }
  }
  // truncate(2) waits for leases, and any reader, the agent too, may hold one: up to 45 s in which no other call would
  // be answered. Opening asks for the same rights, breaks the lease, and need not wait; while it is open there is none.
  const UniqueFd leaseless(::open(ObjectPath(pinned.fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!leaseless) return failed(errno);
  if (options_.keeper.keep_content && !target.own) {
    auto kept = options_.keeper.keep_content(pinned.fd, target, Loss::Truncated, sequence);
    if (!kept) return failed(kept.error().code);
  }
  if (::truncate(ObjectPath(pinned.fd).c_str(), act.length) != 0) return failed(errno);
  return done();
}

}  // namespace assent::broker
