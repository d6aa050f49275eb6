// Gate: calls in the agent's own folders and on the kernel's files, which are let through where the floor proves them
// harmless and else done by us; and openings for reading, where reading is gated.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/sys.h"
#include "session/gate.h"
#include "session/kernel_reads.h"

namespace assent::session {

namespace {

// Truncation asks for no descriptor that may write, so Landlock's right to write does not stop it; and what stands in
// memory (openat2) may come to mean it.
bool could_truncate_unseen(const Open& open) {
  if (open.call == OpenCall::Openat2) return true;
  const std::uint64_t access = open.flags & O_ACCMODE;
  return (open.flags & O_TRUNC) != 0 && access != O_WRONLY && access != O_RDWR;
}

// null, zero, full, random, urandom: as good for writing in a sandbox as outside.
bool is_memory_device(const struct statx& stat) {
  constexpr unsigned kMajor = 1;
  constexpr unsigned kMinors[] = {3, 5, 7, 8, 9};
  return S_ISCHR(stat.stx_mode) && stat.stx_rdev_major == kMajor &&
         std::ranges::find(kMinors, stat.stx_rdev_minor) != std::end(kMinors);
}

}  // namespace

void Gate::on_the_floor(Judgement&& judgement) {
  if (judgement.calling) return bind_on_the_floor(std::move(judgement));
  const Zone zone = judgement.targets.empty() ? Zone::Read : judgement.targets.front().zone;
  std::optional<FloorProof> proof;
  if (const auto* open = std::get_if<Open>(&judgement.action)) {
    if (!could_truncate_unseen(*open)) proof = rooms_.floor.proof(launch::CallKind::OpenForWrite, zone);
  } else if (!std::holds_alternative<SetMetadata>(judgement.action) &&
             !std::holds_alternative<Truncate>(judgement.action)) {
    proof = rooms_.floor.proof(launch::CallKind::ChangeName, zone);
  }
  if (proof) return reply(judgement.call, Continue(*proof));
  act_on_the_floor(std::move(judgement));
}

// No proof: metadata and truncation (the kernel's own checks do not cover rewritten arguments there) or a kernel
// without Landlock. So we do it ourselves, on the pinned object; what is in the agent's own folders is the agent's.
void Gate::act_on_the_floor(Judgement&& judgement) {
  const bool kernel_files =
      std::ranges::any_of(judgement.targets, [](const Target& t) { return t.zone == Zone::Kernel; });
  if (kernel_files) return act_on_kernel_files(std::move(judgement));
  if (auto code = rooms_.broker.foresee(judgement.action, judgement.targets))
    return reply(judgement.call, ReturnErrno{*code});
  identify(judgement);
  judgement.request.subject = resolve::subjects(judgement.action, judgement.targets, {});
  judgement.decision.verdict = Verdict::Allow;
  judgement.decision.rule = RuleRef{"built-in", 0};
  perform(std::move(judgement));
}

// Whatever a program may write to and no harm comes of it is opened for it; nothing else of the kernel's is.
void Gate::act_on_kernel_files(Judgement&& judgement) {
  const Target& named = judgement.targets.front();
  const bool device = named.exists() && is_memory_device(*named.stat);
  const auto* open = std::get_if<Open>(&judgement.action);
  if (device && std::holds_alternative<Truncate>(judgement.action)) return reply(judgement.call, ReturnErrno{EINVAL});
  if (!device || open == nullptr) return reply(judgement.call, ReturnErrno{EPERM});
  if ((open->flags & O_CREAT) != 0 && (open->flags & O_EXCL) != 0) return reply(judgement.call, ReturnErrno{EEXIST});
  Open seen = *open;
  seen.flags &= ~std::uint64_t{O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC};
  seen.mode = 0;
  auto targets = rooms_.resolver.resolve(seen, *judgement.caller);
  if (!targets) return reply(judgement.call, ReturnErrno{targets.error().code});
  const Target& target = targets->front();
  if (!target.agent_object.valid() || !target.exists() || !is_memory_device(*target.stat))
    return reply(judgement.call, ReturnErrno{EPERM});
  const auto flags = static_cast<int>(open->flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY));
  const std::string way = fmt::format("/proc/self/fd/{}", target.agent_object.get());
  auto device_fd = sys::openat(AT_FDCWD, way.c_str(), flags | O_NOCTTY);
  if (!device_fd) return reply(judgement.call, ReturnErrno{device_fd.error().code});
  const auto close_on_exec = (open->flags & O_CLOEXEC) != 0 ? CloseOnExec::Yes : CloseOnExec::No;
  reply(judgement.call, ReturnDescriptor{std::move(*device_fd), close_on_exec});
}

void Gate::open_to_read(Judgement&& judgement, const Open& open) {
  const Target& target = judgement.targets.front();
  if (target.hidden) return reply(judgement.call, ReturnErrno{EACCES});
  // Never continued: the path could be rewritten to a hidden name, which a mask stops only until the host's user puts
  // another file in its place.
  if (auto code = refused_read(target, *judgement.caller)) return reply(judgement.call, ReturnErrno{*code});
  if (is_own_terminal(target)) {
    auto terminal =
        rooms_.terminal >= 0
            ? sys::openat(AT_FDCWD, fmt::format("/proc/self/fd/{}", rooms_.terminal).c_str(), O_RDONLY | O_NOCTTY)
            : Result<UniqueFd>(fail(ENXIO));
    if (!terminal) return reply(judgement.call, ReturnErrno{terminal.error().code});
    const auto close_on_exec = (open.flags & O_CLOEXEC) != 0 ? CloseOnExec::Yes : CloseOnExec::No;
    return reply(judgement.call, ReturnDescriptor{std::move(*terminal), close_on_exec});
  }
  if (!target.agent_object.valid()) return reply(judgement.call, ReturnErrno{target.exists() ? EPERM : ENOENT});
  auto outcome = rooms_.broker.open_for_reading(open, target.agent_object.get());
  if (!outcome.would_block) return reply(judgement.call, std::move(outcome.reply));
  const Call call = judgement.call;
  auto started =
      rooms_.blocking.start_reading(call.id, open, std::move(judgement.targets.front().agent_object),
                                    [this, call](broker::Outcome late) { reply(call, std::move(late.reply)); });
  if (!started) reply(call, ReturnErrno{started.error().code});
}

// O_CREAT of a file that is there only reads it. So it is opened where the agent sees it: on the host's side nothing
// covers what is hidden, and its descriptors lead past the read-only view.
void Gate::open_what_is_there(Judgement&& judgement, const Open& open) {
  if (auto code = rooms_.broker.foresee(judgement.action, judgement.targets))
    return reply(judgement.call, ReturnErrno{*code});
  Open read = open;
  read.flags &= ~std::uint64_t{O_CREAT | O_EXCL};
  read.mode = 0;
  auto targets = rooms_.resolver.resolve(read, *judgement.caller);
  if (!targets) return reply(judgement.call, ReturnErrno{targets.error().code});
  if (!targets->front().exists()) return judge_again(std::move(judgement));  // it has gone meanwhile
  judgement.targets = std::move(*targets);
  open_to_read(std::move(judgement), read);
}

}  // namespace assent::session
