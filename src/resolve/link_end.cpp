#include "resolve/link_end.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <array>
#include <cstdio>

#include "base/sys.h"
#include "resolve/process_facts.h"
#include "resolve/spelling.h"

namespace assent::resolve {
namespace {

constexpr long kNoSymfollow = 0x2000;  // ST_NOSYMFOLLOW, Linux 5.10

struct Pinned {
  pid_t id = 0;  // as we count
  int pidfd = -1;
  UniqueFd owned;
};

// The process or thread of the sandbox that the agent counts as in `where`.
Result<Pinned> process_of(int proc, Caller& caller, const ProcDirectory& where) {
  if (where.process == caller.inner_pid() && where.thread == 0) {
    return Pinned{caller.tgid(), caller.process_pidfd(), UniqueFd()};
  }
  if (where.process == caller.inner_pid() && where.thread == caller.inner_tid()) {
    return Pinned{caller.tid(), caller.pidfd(), UniqueFd()};
  }
  // A thread other than the caller is looked at through its process: they share descriptors and directories.
  auto id = outer_pid(proc, caller.tid(), where.process, Which::Process);
  if (!id) return fail(ENOENT);
  auto pidfd = sys::pidfd_open(*id);
  if (!pidfd) return fail(ENOENT);
  // The number may have been given out again in between: asked once more, now that it is held.
  auto again = outer_pid(proc, caller.tid(), where.process, Which::Process);
  if (!again || *again != *id) return fail(ENOENT);
  const int fd = pidfd->get();
  return Pinned{*id, fd, std::move(*pidfd)};
}

Result<LinkEnd> descriptor_of(int proc, Caller& caller, const ProcDirectory& where, std::string_view name) {
  const int number = decimal(name);
  if (number < 0) return fail(ENOENT);
  auto process = process_of(proc, caller, where);
  if (!process) return pass(std::move(process));
  auto fd = sys::pidfd_getfd(process->pidfd, number);
  if (!fd) return fail(fd.error().code == EBADF ? ENOENT : EACCES);
  return LinkEnd{{}, std::move(*fd)};
}

// cwd, root, exe: opened through our own /proc, which shows them in the mounts of the process they belong to.
Result<LinkEnd> object_of(int proc, Caller& caller, const ProcDirectory& where, std::string_view name) {
  if (name != "cwd" && name != "root" && name != "exe") return fail(EACCES);
  auto process = process_of(proc, caller, where);
  if (!process) return pass(std::move(process));
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "%d/%.*s", process->id, static_cast<int>(name.size()), name.data());
  auto object = sys::openat(proc, path.data(), O_PATH);
  if (!is_alive(process->pidfd)) return fail(ENOENT);
  if (!object) return pass(std::move(object));
  return LinkEnd{{}, std::move(*object)};
}

Result<LinkEnd> text_of(int link) {
  auto text = sys::readlinkat(link, "");
  if (!text) return pass(std::move(text));
  if (text->empty()) return fail(ENOENT);
  return LinkEnd{std::move(*text), UniqueFd()};
}

}  // namespace

Result<LinkEnd> read_link(int proc, Caller& caller, int directory, std::string_view name, int link) {
  struct statfs fs {};
  if (::fstatfs(link, &fs) != 0) return sys::last_error("fstatfs");
  if ((fs.f_flags & kNoSymfollow) != 0) return fail(ELOOP);
  if (fs.f_type != PROC_SUPER_MAGIC) return text_of(link);

  const auto path = sys::path_of(directory);
  if (!path) return fail(path.error().code);
  const ProcDirectory where = proc_directory(*path);
  switch (where.kind) {
    case ProcDirectory::Kind::Root: {
      const std::string self = std::to_string(caller.inner_pid());
      if (name == "self") return LinkEnd{self, UniqueFd()};
      if (name == "thread-self") return LinkEnd{self + "/task/" + std::to_string(caller.inner_tid()), UniqueFd()};
      return text_of(link);  // "mounts", "net": texts that lead to self
    }
    case ProcDirectory::Kind::Descriptors:
      return descriptor_of(proc, caller, where, name);
    case ProcDirectory::Kind::Process:
      return object_of(proc, caller, where, name);
    case ProcDirectory::Kind::Other:
      break;
  }
  // Below a process they are all magic (ns/, map_files/). A proc of another place than /proc is not the agent's.
  if (where.process != 0 || !path->starts_with("/proc/")) return fail(EACCES);
  return text_of(link);
}

}  // namespace assent::resolve
