#include "web/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "assent/unique_fd.h"
#include "base/show.h"
#include "base/sys.h"

namespace assent::web {

namespace {

constexpr std::size_t kMostSaid = 8 << 20;

struct Pipe {
  UniqueFd read, write;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return sys::last_error("pipe2");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool same_name(std::string_view a, std::string_view b) {
  const auto name = [](std::string_view text) { return text.substr(0, text.find('=')); };
  return name(a) == name(b);
}

Result<pid_t> spawn(std::vector<std::string>& argv, const std::vector<std::string>& more, int out, int err) {
  std::vector<char*> environment;
  for (char** one = environ; *one != nullptr; ++one) {
    if (std::ranges::none_of(more, [&](const std::string& other) { return same_name(*one, other); }))
      environment.push_back(*one);
  }
  for (const auto& one : more) environment.push_back(const_cast<char*>(one.c_str()));
  environment.push_back(nullptr);
  std::vector<char*> words;
  for (auto& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&how);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, out, 1);
  ::posix_spawn_file_actions_adddup2(&files, err, 2);
  // The daemon blocks and ignores signals that a program wants to hear.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setsigdefault(&how, &all);
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, argv[0].c_str(), &files, &how, words.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&how);
  if (error != 0) return fail(error, fmt::format("cannot run {}", show(argv[0])));
  return child;
}

}  // namespace

Result<Ran> run_program(std::vector<std::string> argv, std::chrono::seconds limit, const std::atomic<bool>& stop,
                        const std::vector<std::string>& more) {
  auto out = make_pipe();
  auto err = make_pipe();
  if (!out || !err) return fail(EMFILE, "cannot run a program: no descriptors are left (EMFILE)");
  auto child = spawn(argv, more, out->write.get(), err->write.get());
  if (!child) return pass(std::move(child));
  out->write.reset();
  err->write.reset();
  Ran ran;
  const auto until = std::chrono::steady_clock::now() + limit;
  int problem = 0;
  std::array<pollfd, 2> wait{pollfd{out->read.get(), POLLIN, 0}, pollfd{err->read.get(), POLLIN, 0}};
  while (problem == 0 && (wait[0].fd >= 0 || wait[1].fd >= 0)) {
    if (stop) problem = EINTR;
    if (std::chrono::steady_clock::now() > until) problem = ETIMEDOUT;
    if (problem != 0 || ::poll(wait.data(), wait.size(), 100) <= 0) continue;
    for (std::size_t i = 0; i < wait.size(); ++i) {
      if (wait[i].fd < 0 || wait[i].revents == 0) continue;
      std::array<char, 65536> buffer;
      const ssize_t n = ::read(wait[i].fd, buffer.data(), buffer.size());
      if (n <= 0) {
        wait[i].fd = -1;
        continue;
      }
      auto& text = i == 0 ? ran.out : ran.err;
      text.append(buffer.data(), static_cast<std::size_t>(n));
      if (text.size() > kMostSaid) problem = EFBIG;
    }
  }
  if (problem == EINTR) return fail(EINTR, "the daemon ends");
  if (problem != 0) ::kill(*child, SIGKILL);
  int status = 0;
  while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (problem != 0)
    return fail(problem, fmt::format("{} was stopped: it took too long or said too much", show(argv[0])));
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace assent::web
