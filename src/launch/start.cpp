#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/show.h"
#include "base/sys.h"
#include "launch/grants.h"
#include "launch/inside.h"
#include "launch/kernel.h"
#include "launch/mount_plan.h"
#include "launch/sandbox.h"
#include "launch/stage.h"

namespace assent::launch {

namespace {

constexpr int kReadyWithin = 20'000;  // ms; a sandbox stands after a few

// Memory that outlives the clone on both sides.
class SharedStage {
 public:
  static Result<SharedStage> create(std::size_t reports) {
    const std::size_t size = sizeof(Stage) + reports * sizeof(std::uint64_t);
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return sys::last_error("mmap");
    return SharedStage(new (memory) Stage(), size);
  }
  Stage& operator*() const { return *memory_; }
  Stage* operator->() const { return memory_.get(); }

 private:
  struct Unmap {
    std::size_t size = 0;
    void operator()(Stage* memory) const { ::munmap(memory, size); }
  };
  SharedStage(Stage* memory, std::size_t size) : memory_(memory, Unmap{size}) {}
  std::unique_ptr<Stage, Unmap> memory_;
};

std::string_view variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return std::string_view(entry).substr(name.size() + 1);
    }
  }
  return {};
}

std::vector<std::string> programs_for(const Spec& spec) {
  const std::string& name = spec.argv[0];
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> out;
  std::string_view path = variable(spec.environment, "PATH");
  if (path.empty()) path = "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const std::string folder(path.substr(at, end - at));
    out.push_back(folder.empty() ? name : folder + "/" + name);
    at = end + 1;
  }
  return out;
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

// The slave's name on the host, when it is one of a pseudo-terminal there.
std::string terminal_path(const Spec& spec) {
  if (!spec.terminal) return {};
  auto path = sys::path_of(*spec.terminal);
  struct stat named {};
  struct stat given {};
  if (!path || !path->starts_with("/dev/") || ::stat(path->c_str(), &named) != 0) return {};
  if (::fstat(*spec.terminal, &given) != 0 || named.st_rdev != given.st_rdev) return {};
  return *path;
}

// A folder of the host's writable mount to try Landlock on: one in which a nameless file can be made right now. Cheap
// ones (tmpfs) first. Never a free one: there the write is allowed.
UniqueFd folder_for_trial(const Layout& layout) {
  for (const std::string& path :
       {std::string("/dev/shm"), std::string("/tmp"), std::string("/var/tmp"), layout.project}) {
    const bool is_free = std::any_of(layout.free.begin(), layout.free.end(), [&](const std::string& folder) {
      return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
    });
    if (path.empty() || is_free) continue;
    UniqueFd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) continue;
    const UniqueFd trial(::openat(folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    if (trial) return folder;
  }
  return {};
}

// Whether programs here would be given IPv6 addresses at all (getaddrinfo's AI_ADDRCONFIG).
bool host_speaks_ipv6() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  bool found = false;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET6) continue;
    const auto& address = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    found = found || (!IN6_IS_ADDR_LOOPBACK(&address) && !IN6_IS_ADDR_LINKLOCAL(&address));
  }
  ::freeifaddrs(all);
  return found;
}

Status check_stdio(const Spec& spec) {
  for (const int fd : spec.stdio) {
    struct stat stat {};
    if (::fstat(fd, &stat) != 0)
      return fail(
          EBADF,
          "cannot give the agent its standard input and output: descriptor not open (EBADF); open it or use /dev/null");
    if (!S_ISDIR(stat.st_mode)) continue;
    return fail(EISDIR,
                "cannot give the agent a folder as standard input or output: it would lead around the read-only view "
                "(EISDIR); give a file, a pipe or a terminal");
  }
  return {};
}

}  // namespace

class Launcher {
 public:
  explicit Launcher(const Spec& spec) : spec_(spec) {}

  Result<Sandbox> launch() {
    if (auto ok = prepare(); !ok) return pass(std::move(ok));
    if (auto ok = clone(); !ok) return pass(std::move(ok));
    auto ready = wait_until_ready();
    if (!ready) return pass(std::move(ready));
    return finish();
  }

 private:
  Status prepare() {
    if (spec_.argv.empty() || spec_.argv[0].empty()) {
      return fail(EINVAL, "cannot start the agent: no command (EINVAL); name one after --");
    }
    if (auto ok = check_stdio(spec_); !ok) return ok;
    auto plan = plan_mounts(
        spec_.layout, Surroundings{std::string(variable(spec_.environment, "XDG_RUNTIME_DIR")), terminal_path(spec_)});
    if (!plan) return pass(std::move(plan));
    plan_ = std::move(*plan);
    programs_ = programs_for(spec_);
    argv_ = pointers_to(spec_.argv);
    environment_ = pointers_to(spec_.environment);
    program_pointers_ = pointers_to(programs_);
    descriptors_.assign(plan_.early.size(), -1);
    seals_.assign(static_cast<std::size_t>(std::count_if(plan_.steps.begin(), plan_.steps.end(),
                                                         [](const Step& step) { return step.seal; })),
                  -1);
    no_capabilities_.reset(::cap_init());
    if (!no_capabilities_) return sys::last_error("cap_init");
    host_folder_ = folder_for_trial(spec_.layout);
    auto stage = SharedStage::create(plan_.reports.size());
    if (!stage) return pass(std::move(stage));
    stage_.emplace(std::move(*stage));
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return sys::last_error("socketpair");
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    // Out of the way of 0, 1 and 2, should we have been started without them.
    const int high = ::fcntl(theirs_.get(), F_DUPFD_CLOEXEC, 16);
    if (high < 0) return sys::last_error("fcntl");
    theirs_.reset(high);
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return sys::last_error("socketpair");
    asks_.reset(ends[0]);
    makes_.reset(ends[1]);
    const int maker = ::fcntl(makes_.get(), F_DUPFD_CLOEXEC, 16);
    if (maker < 0) return sys::last_error("fcntl");
    makes_.reset(maker);
    const int on = 1;
    if (::setsockopt(ours_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return sys::last_error("setsockopt");
    return {};
  }

  Status clone() {
    Inside inside{.spec = spec_,
                  .plan = plan_,
                  .stage = **stage_,
                  .channel = theirs_.get(),
                  .far_end = ours_.get(),
                  .host_folder = host_folder_.get(),
                  .landlock_abi = landlock_abi(),
                  .no_capabilities = no_capabilities_.get(),
                  .host_speaks_ipv6 = host_speaks_ipv6(),
                  .maker = makes_.get(),
                  .uid = ::geteuid(),
                  .gid = ::getegid(),
                  .descriptors = descriptors_,
                  .seals = seals_,
                  .argv = argv_,
                  .environment = environment_,
                  .programs = program_pointers_};
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                      CLONE_NEWCGROUP | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    // No signal may run a handler of ours in the copy; the agent's process clears the mask before its exec.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const long pid = kernel::clone3(arguments);
    if (pid == 0) be_init(inside);
    const int code = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return tl::unexpected<Error>(describe_failure(At::Start, code, ""));
    theirs_.reset();  // else we would never see their end
    makes_.reset();
    host_folder_.reset();
    sandbox_.emplace(Sandbox(FloorFacts{}));
    sandbox_->init_pid_ = static_cast<pid_t>(pid);
    sandbox_->init_.reset(pidfd);
    return {};
  }

  // On a failure the Sandbox that is dropped ends what was begun.
  Status wait_until_ready() {
    pollfd wait{ours_.get(), POLLIN, 0};
    int n;
    while ((n = ::poll(&wait, 1, kReadyWithin)) < 0 && errno == EINTR) {
    }
    if (n < 0) return sys::last_error("poll");
    if (n == 0) {
      return fail(ETIMEDOUT,
                  "cannot start the sandbox: it did not come up in time (ETIMEDOUT); the filter must leave "
                  "sendmsg alone, else look at what holds up the machine");
    }
    Message message;
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
    iovec part{&message, sizeof message};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(ours_.get(), &header, MSG_CMSG_CLOEXEC);
    if (got < 0) return sys::last_error("recvmsg");
    if (got == 0) return fail(EPIPE, "cannot start the sandbox: it ended before it stood (EPIPE); was it killed?");
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
      if (item->cmsg_level != SOL_SOCKET) continue;
      if (item->cmsg_type == SCM_RIGHTS && item->cmsg_len == CMSG_LEN(4 * sizeof(int))) {
        int descriptors[4];
        std::memcpy(descriptors, CMSG_DATA(item), sizeof descriptors);
        sandbox_->listener_.reset(descriptors[0]);
        sandbox_->agent_root_.reset(descriptors[1]);
        sandbox_->name_sockets_ = {UniqueFd(descriptors[2]), UniqueFd(descriptors[3])};
      }
      if (item->cmsg_type == SCM_CREDENTIALS) {
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(item), sizeof sender);
        sandbox_->agent_pid_ = sender.pid;
      }
    }
    const Stage& stage = **stage_;
    if (message.kind == Message::Kind::Ready && sandbox_->listener_ && sandbox_->agent_root_) return {};
    if (message.kind != Message::Kind::Failed) {
      return fail(EPROTO,
                  "cannot start the sandbox: it did not hand over its listener (EPROTO); is the limit of open "
                  "files reached?");
    }
    return tl::unexpected<Error>(describe_failure(stage.at, stage.code, stage.object));
  }

  Result<Sandbox> finish() {
    const Stage& stage = **stage_;
    Sandbox sandbox = std::move(*sandbox_);
    sandbox_.reset();
    auto agent = sys::pidfd_open(sandbox.agent_pid_);  // it waits for go(), so the number is still its own
    if (!agent) return pass(std::move(agent));
    sandbox.agent_ = std::move(*agent);
    sandbox.channel_ = std::move(ours_);
    sandbox.socket_maker_ = std::move(asks_);
    sandbox.has_relay_routes_ = stage.relay_routes;
    const int off = 0;
    ::setsockopt(sandbox.channel_.get(), SOL_SOCKET, SO_PASSCRED, &off, sizeof off);
    sandbox.agent_inner_pid_ = stage.agent_inner_pid;
    sandbox.pid_namespace_ = stage.pid_namespace;
    for (std::size_t i = 0; i < plan_.reports.size(); ++i) {
      if (stage.mount_ids[i] != 0) sandbox.mounts_.add(stage.mount_ids[i], plan_.reports[i]);
    }
    FloorFacts facts;
    facts.read_only_view = true;  // check_floor tried these, or we would not be here
    facts.no_capabilities = true;
    facts.no_new_privileges = true;
    facts.landlock = stage.landlock_tried;
    facts.landlock_abi = stage.landlock_abi;
    facts.reads_gated = stage.landlock_abi >= 1 && spec_.layout.read_gate == ReadGate::Gated;
    facts.nested_users_closed = stage.nested_users_closed;
    sandbox.floor_ = Floor(facts);
    sandbox.notes_ = std::move(plan_.notes);
    return sandbox;
  }

  struct FreeCapabilities {
    void operator()(_cap_struct* set) const { ::cap_free(set); }
  };

  const Spec& spec_;
  MountPlan plan_;
  std::vector<std::string> programs_;
  std::vector<char*> argv_;
  std::vector<char*> environment_;
  std::vector<char*> program_pointers_;
  std::vector<int> descriptors_;
  std::vector<int> seals_;
  std::unique_ptr<_cap_struct, FreeCapabilities> no_capabilities_;
  UniqueFd host_folder_;
  std::optional<SharedStage> stage_;
  UniqueFd ours_;
  UniqueFd theirs_;
  UniqueFd asks_;   // for sockets of the inner network
  UniqueFd makes_;  // pid 1's end of that
  std::optional<Sandbox> sandbox_;
};

Result<Sandbox> Sandbox::start(const Spec& spec) { return Launcher(spec).launch(); }

}  // namespace assent::launch
