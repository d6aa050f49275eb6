#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/show.h"
#include "base/sys.h"
#include "launch/grants.h"
#include "launch/inside.h"
#include "launch/kernel.h"
#include "launch/mount_plan.h"
#include "launch/orders.h"
#include "launch/sandbox.h"
#include "launch/stage.h"

namespace assent::launch {

namespace {

constexpr int kReadyWithin = 20'000;  // ms; a sandbox stands after a few

// Memory that outlives the clone on both sides: the stage, the orders, and room for what they speak of.
class SharedStage {
 public:
  static Result<SharedStage> create() {
    void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return sys::last_error("mmap");
    return SharedStage(static_cast<Front*>(memory));
  }
  Stage& operator*() const { return front_->stage; }
  Stage* operator->() const { return &front_->stage; }
  [[nodiscard]] Orders& orders() const { return front_->orders; }
  [[nodiscard]] Room& room() { return room_; }

 private:
  static constexpr std::size_t kSize = std::size_t{16} << 20;  // what is not touched costs nothing
  struct Front {
    Stage stage;
    Orders orders;
  };
  struct Unmap {
    void operator()(Front* memory) const { ::munmap(memory, kSize); }
  };
  explicit SharedStage(Front* memory) : front_(new (memory) Front()), room_(memory + 1, kSize - sizeof(Front)) {}
  std::unique_ptr<Front, Unmap> front_;
  Room room_;
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

// A connected stream, and no listener. Any other socket of the host's sends to whatever address the agent writes, or
// lets callers in.
bool leads_to_one_peer(int socket) {
  const auto option = [socket](int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
  };
  if (option(SO_ACCEPTCONN) != 0) return false;
  const int domain = option(SO_DOMAIN);
  const int type = option(SO_TYPE);
  if (domain == AF_UNIX) return type == SOCK_STREAM || type == SOCK_SEQPACKET;
  if (domain == AF_INET || domain == AF_INET6) return type == SOCK_STREAM && option(SO_PROTOCOL) == IPPROTO_TCP;
  return domain == AF_VSOCK && type == SOCK_STREAM;
}

Status check_stdio(const Spec& spec) {
  for (const int fd : spec.stdio) {
    struct stat stat {};
    if (::fstat(fd, &stat) != 0)
      return fail(
          EBADF,
          "cannot give the agent its standard input and output: descriptor not open (EBADF); open it or use /dev/null");
    if (S_ISSOCK(stat.st_mode) && !leads_to_one_peer(fd)) {
      return fail(EPROTOTYPE,
                  "cannot give the agent this socket as standard input or output: it leads to more than one peer, and "
                  "past the gates (EPROTOTYPE); give a connected stream, a file, a pipe or a terminal");
    }
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
  ~Launcher() { abandon(); }
  Launcher() = default;
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  Status begin() {
    if (auto ok = prepare(); !ok) return ok;
    return clone();
  }

  Status furnish(const Spec& spec) {
    if (spec.argv.empty() || spec.argv[0].empty()) {
      return fail(EINVAL, "cannot start the agent: no command (EINVAL); name one after --");
    }
    if (auto ok = check_stdio(spec); !ok) return ok;
    auto plan = plan_mounts(
        spec.layout, Surroundings{std::string(variable(spec.environment, "XDG_RUNTIME_DIR")), terminal_path(spec)});
    if (!plan) return pass(std::move(plan));
    plan_ = std::move(*plan);
    read_gate_ = spec.layout.read_gate;
    const UniqueFd host_folder = folder_for_trial(spec.layout);
    Orders& orders = stage_->orders();
    orders = lay_out(plan_, spec, programs_for(spec), stage_->room());
    orders.has_host_folder = static_cast<bool>(host_folder);
    if (stage_->room().full()) {
      return fail(E2BIG,
                  "cannot start the sandbox: the layout, the command and the environment are too large (E2BIG); hide "
                  "fewer names, or move what is to be hidden into folders of its own");
    }
    (*stage_)->orders = &orders;
    std::vector<int> given(spec.stdio.begin(), spec.stdio.end());
    if (spec.terminal) given.push_back(*spec.terminal);
    if (host_folder) given.push_back(host_folder.get());
    return hand_over(given);
  }

  Result<Sandbox> stand() {
    if (auto ok = wait_until_ready(); !ok) return pass(std::move(ok));
    return finish();
  }

 private:
  Status prepare() {
    no_capabilities_.reset(::cap_init());
    if (!no_capabilities_) return sys::last_error("cap_init");
    auto stage = SharedStage::create();
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
    Inside inside{.stage = **stage_,
                  .channel = theirs_.get(),
                  .far_end = ours_.get(),
                  .far_maker = asks_.get(),
                  .landlock_abi = landlock_abi(),
                  .no_capabilities = no_capabilities_.get(),
                  .maker = makes_.get(),
                  .uid = ::geteuid(),
                  .gid = ::getegid()};
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    // No signal may run a handler of ours in the copy; the agent's process clears the mask before its exec.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const long pid = kernel::clone3(arguments);
    if (pid == 0) be_opener(inside);
    const int code = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return tl::unexpected<Error>(describe_failure(At::Start, code, ""));
    opener_pid_ = static_cast<pid_t>(pid);
    opener_.reset(pidfd);
    theirs_.reset();  // else we would never see their end
    makes_.reset();
    return {};
  }

  Status hand_over(const std::vector<int>& given) {
    char word = 'o';
    iovec part{&word, sizeof word};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(5 * sizeof(int))] = {};
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(given.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(given.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), given.data(), given.size() * sizeof(int));
    if (::sendmsg(ours_.get(), &header, MSG_NOSIGNAL) == 1) return {};
    if (errno == EPIPE || errno == ECONNRESET) return {};  // stand() hears what became of them
    return sys::last_error("sendmsg");
  }

  struct Heard {
    Message message;
    pid_t sender = -1;
    std::array<int, 4> given{-1, -1, -1, -1};
  };

  // Empty: their end.
  Result<std::optional<Heard>> hear() {
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
    Heard heard;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof heard.given) + CMSG_SPACE(sizeof(ucred))] = {};
    iovec part{&heard.message, sizeof heard.message};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(ours_.get(), &header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno != ECONNRESET) return sys::last_error("recvmsg");
    if (got <= 0) return std::optional<Heard>();
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
      if (item->cmsg_level != SOL_SOCKET) continue;
      if (item->cmsg_type == SCM_RIGHTS && item->cmsg_len == CMSG_LEN(sizeof heard.given)) {
        std::memcpy(heard.given.data(), CMSG_DATA(item), sizeof heard.given);
      }
      if (item->cmsg_type == SCM_CREDENTIALS) {
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(item), sizeof sender);
        heard.sender = sender.pid;
      }
    }
    // Our own child: the number is its own until it is waited for.
    if (!sandbox_ && heard.sender != opener_pid_ && heard.sender > 0) {
      auto init = sys::pidfd_open(heard.sender);
      if (!init) return pass(std::move(init));
      sandbox_.emplace(Sandbox(FloorFacts{}));
      sandbox_->init_pid_ = heard.sender;
      sandbox_->init_ = std::move(*init);
      reap_opener();
    }
    return std::optional(heard);
  }

  // On a failure the Sandbox that is dropped ends what was begun.
  Status wait_until_ready() {
    for (;;) {
      auto next = hear();
      if (!next) return pass(std::move(next));
      if (!*next) return fail(EPIPE, "cannot start the sandbox: it ended before it stood (EPIPE); was it killed?");
      Heard& heard = **next;
      if (heard.message.kind == Message::Kind::Begun) continue;
      if (heard.message.kind == Message::Kind::Failed) {
        const Stage& stage = **stage_;
        return tl::unexpected<Error>(describe_failure(stage.at, stage.code, stage.object));
      }
      if (heard.message.kind == Message::Kind::Ready && heard.given[0] >= 0 && sandbox_) {
        sandbox_->listener_.reset(heard.given[0]);
        sandbox_->agent_root_.reset(heard.given[1]);
        sandbox_->name_sockets_ = {UniqueFd(heard.given[2]), UniqueFd(heard.given[3]), (*stage_)->host_speaks_ipv6};
        sandbox_->agent_pid_ = heard.sender;
        return {};
      }
      return fail(EPROTO,
                  "cannot start the sandbox: it did not hand over its listener (EPROTO); is the limit of open "
                  "files reached?");
    }
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
    const auto ids = stage_->orders().mounts.mounts;
    for (std::size_t i = 0; i < plan_.reports.size(); ++i) {
      if (ids[i] != 0) sandbox.mounts_.add(ids[i], plan_.reports[i]);
    }
    FloorFacts facts;
    facts.read_only_view = true;  // check_floor tried these, or we would not be here
    facts.no_capabilities = true;
    facts.no_new_privileges = true;
    facts.landlock = stage.landlock_tried;
    facts.reads_gated = stage.landlock_abi >= 1 && read_gate_ == ReadGate::Gated;
    facts.nested_users_closed = stage.nested_users_closed;
    sandbox.floor_ = Floor(facts);
    sandbox.notes_ = std::move(plan_.notes);
    return sandbox;
  }

  void reap_opener() {
    if (!opener_) return;
    siginfo_t info{};
    while (::waitid(P_PIDFD, static_cast<id_t>(opener_.get()), &info, WEXITED | __WALL) != 0 && errno == EINTR) {
    }
    opener_.reset();
  }

  // Whoever of them waits for orders, or for the word to go, ends when it sees that we are gone. Nothing is left.
  void abandon() {
    if (!opener_) return;
    ::shutdown(ours_.get(), SHUT_WR);
    while (!sandbox_) {
      const auto heard = hear();
      if (!heard || !*heard || (*heard)->sender == opener_pid_) break;
    }
    reap_opener();
  }

  struct FreeCapabilities {
    void operator()(_cap_struct* set) const { ::cap_free(set); }
  };

  MountPlan plan_;
  ReadGate read_gate_ = ReadGate::Open;
  std::unique_ptr<_cap_struct, FreeCapabilities> no_capabilities_;
  std::optional<SharedStage> stage_;
  UniqueFd ours_;
  UniqueFd theirs_;
  UniqueFd asks_;   // for sockets of the inner network
  UniqueFd makes_;  // pid 1's end of that
  pid_t opener_pid_ = -1;
  UniqueFd opener_;
  std::optional<Sandbox> sandbox_;  // from the first word of pid 1
};

Launch::Launch() : launcher_(std::make_unique<Launcher>()) {}
Launch::Launch(Launch&&) noexcept = default;
Launch& Launch::operator=(Launch&&) noexcept = default;
Launch::~Launch() = default;

Launch Launch::begin() {
  Launch out;
  if (auto begun = out.launcher_->begin(); !begun) out.failure_ = begun.error();
  return out;
}

Status Launch::furnish(const Spec& spec) {
  if (failure_) return tl::unexpected<Error>(*failure_);
  return launcher_->furnish(spec);
}

Result<Sandbox> Launch::stand() { return launcher_->stand(); }

Result<Sandbox> Sandbox::start(const Spec& spec) {
  Launch launch = Launch::begin();
  if (auto ok = launch.furnish(spec); !ok) return pass(std::move(ok));
  return launch.stand();
}

}  // namespace assent::launch
