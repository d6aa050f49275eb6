// open, openat, openat2, creat for writing, creating or truncating.
//
// Creating: O_EXCL always, so what was created is known exactly; EEXIST although it was not there when judged: raced.
// Existing: opened by name without O_CREAT, O_TRUNC and symbolic links, O_NONBLOCK (a FIFO or a lease must not put the
// supervisor to sleep), then the new descriptor is compared with what was judged, and only then truncated. Killed
// before the truncation: nothing has changed. Truncation is one call.
// FIFOs, devices and sockets are opened through the pinned object, for opening one can have effects of its own.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/act.h"
#include "broker/arguments.h"
#include "broker/broker.h"
#include "broker/mask.h"
#include "broker/permission.h"

namespace assent::broker {
namespace {

constexpr std::uint64_t kTmpFileBit = O_TMPFILE & ~O_DIRECTORY;

// openat2 refuses a mode where nothing is created.
int open_at(int directory, const char* name, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve) {
  struct open_how how {};
  how.flags = flags;
  how.mode = (flags & (O_CREAT | kTmpFileBit)) != 0 ? mode & 07777 : 0;
  how.resolve = resolve;
  return static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how));
}

CloseOnExec close_on_exec(std::uint64_t flags) { return (flags & O_CLOEXEC) != 0 ? CloseOnExec::Yes : CloseOnExec::No; }

Outcome opened(UniqueFd fd, std::uint64_t flags) {
  Outcome outcome;
  outcome.reply = ReturnDescriptor{std::move(fd), close_on_exec(flags)};
  return outcome;
}

// O_TRUNC, after the fact. As in the kernel the times change even where the size was 0 already, so it has to be
// ftruncate, and that needs a descriptor for writing.
int truncate_opened(int fd, std::uint64_t flags) {
  const std::uint64_t access = flags & O_ACCMODE;
  if (access == O_WRONLY || access == O_RDWR) return ::ftruncate(fd, 0) == 0 ? 0 : errno;
  const UniqueFd writable(::open(ObjectPath(fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!writable) return errno;
  return ::ftruncate(writable.get(), 0) == 0 ? 0 : errno;
}

Outcome created(UniqueFd fd, std::uint64_t flags) {
  auto stat = sys::statx(fd.get(), "");
  Outcome outcome = opened(std::move(fd), flags);
  if (stat) outcome.created.push_back(sys::id_of(*stat));
  return outcome;
}

Outcome open_new(const Target& target, std::uint64_t flags, std::uint64_t mode) {
  UniqueFd fd(open_at(target.parent->host.get(), target.name.c_str(), flags | O_EXCL | O_NOCTTY | O_CLOEXEC, mode, 0));
  if (!fd) {
    if (errno == EEXIST && (flags & O_EXCL) == 0) return raced();
    return failed(errno);
  }
  return created(std::move(fd), flags);
}

// A file without a name, in the folder that the target is.
Outcome open_nameless(const Target& target, std::uint64_t flags, std::uint64_t mode) {
  const Pinned folder = pin(target);
  if (folder.error != 0) return not_pinned(folder);
  UniqueFd fd(open_at(folder.fd, ".", flags | O_NOCTTY | O_CLOEXEC, mode, 0));
  if (!fd) return failed(errno);
  return created(std::move(fd), flags);
}

}  // namespace

Outcome Broker::open(const Open& act, Target& target, const CallerFacts& caller, std::uint64_t sequence) {
  const std::uint64_t flags = effective_flags(act);
  if ((flags & O_PATH) != 0) return failed(EPERM);  // reads are the kernel's, or open_for_reading's
  const bool nameless = (flags & kTmpFileBit) != 0;
  if (nameless || !target.exists()) {
    if (const int code = adopt_umask(caller.umask); code != 0) return failed(code);
    return nameless ? open_nameless(target, flags, act.mode) : open_new(target, flags, act.mode);
  }
  if ((flags & O_CREAT) != 0 && target.parent) {
    if (auto code = may_create_over(*target.parent, *target.stat)) return failed(*code);
  }
  return open_existing(act, target, sequence);
}

Outcome Broker::open_existing(const Open& act, const Target& target, std::uint64_t sequence) const {
  // Whoever decided, a descriptor of what is hidden from the agent never goes inside.
  if (target.hidden && !target.own && (target.zone == Zone::Gated || target.zone == Zone::Read)) return failed(EACCES);
  const std::uint64_t flags = effective_flags(act);
  const bool regular = S_ISREG(target.stat->stx_mode);
  const bool truncates = regular && (flags & O_TRUNC) != 0;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  std::uint64_t plain = flags & ~std::uint64_t{O_CREAT | O_EXCL};
  if ((flags & O_CREAT) == 0) plain |= flags & O_EXCL;
  if (regular) plain &= ~std::uint64_t{O_TRUNC};  // ignored on others, but for the permission it needs
  plain |= O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

  UniqueFd fd;
  if (regular && target.parent && !target.name.empty()) {
    fd.reset(open_at(target.parent->host.get(), target.name.c_str(), plain, 0, RESOLVE_NO_SYMLINKS));
    if (!fd && errno == ELOOP) return raced();  // it was no symbolic link when it was judged
  } else {
    const Pinned pinned = pin(target);
    if (pinned.error != 0) return not_pinned(pinned);
    const std::uint64_t through = plain & ~std::uint64_t{O_NOFOLLOW};  // the object's own path ends in a magic link
    fd.reset(open_at(AT_FDCWD, ObjectPath(pinned.fd).c_str(), through, 0, 0));
    const bool fifo_without_reader = !fd && errno == ENXIO && S_ISFIFO(target.stat->stx_mode);
    const bool fifo_reader = fd && S_ISFIFO(target.stat->stx_mode) && !writes;
    if ((flags & O_NONBLOCK) == 0 && (fifo_without_reader || fifo_reader)) {
      Outcome outcome = failed(EAGAIN);
      outcome.would_block = true;
      return outcome;
    }
  }
  if (!fd) {
    const int code = errno;
    Outcome outcome = failed(code);
    outcome.would_block = code == EWOULDBLOCK && (flags & O_NONBLOCK) == 0;  // somebody's lease has to be broken
    return outcome;
  }

  struct statx now;
  if (compare(fd.get(), "", target.id, &now) != Identity::Same) return raced();
  if (is_directory(now)) return failed(EISDIR);  // no folder of the host's mount ever goes inside
  if (options_.keeper.keep_content && regular && !target.own && (truncates || writes)) {
    auto kept = options_.keeper.keep_content(fd.get(), target, truncates ? Loss::Truncated : Loss::Writable, sequence);
    if (!kept) return failed(kept.error().code);
  }
  if (truncates) {
    if (const int code = truncate_opened(fd.get(), flags); code != 0) return failed(code);
  }
  if ((flags & O_NONBLOCK) == 0) {
    // Of what can be set this way; the rest stays as it was opened.
    const auto lasting = static_cast<int>(plain & (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME));
    if (::fcntl(fd.get(), F_SETFL, lasting) != 0) return failed(EIO);
  }
  return opened(std::move(fd), flags);
}

void Broker::take_back(const Outcome& created, const Target& target) const {
  if (created.created.size() != 1 || target.exists() || !target.parent || target.name.empty()) return;
  const int directory = target.parent->host.get();
  if (compare(directory, target.name.c_str(), created.created[0]) != Identity::Same) return;
  ::unlinkat(directory, target.name.c_str(), 0);
}

Outcome Broker::perform_blocking(Permit&& permit, const Open& open, Target& target, Interrupt& interrupt) const {
  if (permit.sequence() == 0) return failed(EPERM);
  const Permit spent(std::move(permit));
  const Action action = open;
  if (auto code = foresee(action, std::span<const Target>(&target, 1))) return failed(*code);

  const Pinned pinned = pin(target);
  if (pinned.error != 0) return not_pinned(pinned);
  const std::uint64_t flags = effective_flags(open);
  if (S_ISREG(target.stat->stx_mode)) {
    // A lease. Opening once with patience breaks it; the rest is as ever.
    const Interrupt::Sleep sleep(interrupt);
    if (!sleep.armed() || interrupt.raised()) return failed(EINTR);
    const std::uint64_t access = (flags & O_TRUNC) != 0 ? std::uint64_t{O_WRONLY} : flags & O_ACCMODE;
    const UniqueFd broken(open_at(AT_FDCWD, ObjectPath(pinned.fd).c_str(), access | O_CLOEXEC, 0, 0));
    if (!broken) return failed(errno);
    return open_existing(open, target, spent.sequence());
  }

  const std::uint64_t plain = (flags & ~std::uint64_t{O_CREAT | O_EXCL | O_NOFOLLOW}) | O_NOCTTY | O_CLOEXEC;
  UniqueFd fd;
  {
    const Interrupt::Sleep sleep(interrupt);
    if (!sleep.armed()) return failed(EAGAIN);
    do {
      if (interrupt.raised()) return failed(EINTR);
      fd.reset(open_at(AT_FDCWD, ObjectPath(pinned.fd).c_str(), plain, 0, 0));
    } while (!fd && errno == EINTR);
  }
  if (!fd) return failed(errno);
  return opened(std::move(fd), flags);
}

Outcome Broker::open_for_reading(const Open& open, int agent_view, Interrupt* interrupt) const {
  const std::uint64_t flags = effective_flags(open);
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC | kTmpFileBit)) != 0) return failed(EPERM);
  struct statx stat;
  if (::statx(agent_view, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat) != 0) return failed(errno);
  if (S_ISLNK(stat.stx_mode) && (flags & O_PATH) == 0) return failed((flags & O_DIRECTORY) != 0 ? ENOTDIR : ELOOP);

  std::uint64_t plain = (flags & ~std::uint64_t{O_NOFOLLOW}) | O_CLOEXEC;
  if ((flags & O_PATH) != 0) {
    UniqueFd fd(open_at(AT_FDCWD, ObjectPath(agent_view).c_str(), plain, 0, 0));
    return fd ? opened(std::move(fd), flags) : failed(errno);
  }
  plain |= O_NOCTTY;
  const bool patient = (flags & O_NONBLOCK) == 0;
  UniqueFd fd;
  if (patient && interrupt != nullptr) {
    const Interrupt::Sleep sleep(*interrupt);
    if (!sleep.armed()) return failed(EAGAIN);
    do {
      if (interrupt->raised()) return failed(EINTR);
      fd.reset(open_at(AT_FDCWD, ObjectPath(agent_view).c_str(), plain, 0, 0));
    } while (!fd && errno == EINTR);
    return fd ? opened(std::move(fd), flags) : failed(errno);
  }
  const bool fifo = S_ISFIFO(stat.stx_mode);
  if (!fifo || !patient) fd.reset(open_at(AT_FDCWD, ObjectPath(agent_view).c_str(), plain | O_NONBLOCK, 0, 0));
  if (!fd) {
    Outcome outcome = failed(fifo && patient ? EAGAIN : errno);
    outcome.would_block = patient && (fifo || errno == EWOULDBLOCK);
    return outcome;
  }
  if (patient) {
    const int current = ::fcntl(fd.get(), F_GETFL);
    if (current < 0 || ::fcntl(fd.get(), F_SETFL, current & ~O_NONBLOCK) != 0) return failed(EIO);
  }
  return opened(std::move(fd), flags);
}

}  // namespace assent::broker
