#include "session/notices.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "base/sys.h"
#include "notify/near_us.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

// A hook that hangs is ended; while so many run, further questions are not told one by one.
constexpr auto kLongest = 30s;
constexpr std::size_t kMostAtOnce = 12;

// notify-send's body knows a little markup, and takes backslashes for escapes.
std::string without_markup(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// What curl is told on its standard input: neither the address, which may hold a secret of the receiver's, nor the
// question stands on its command line. No redirection is followed, no file of the user's is read.
std::string post_of(const std::string& url, const std::string& body) {
  std::string quoted;
  for (const char c : body) {
    if (c == '\n') continue;
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return fmt::format(
      "url = \"{}\"\nproto = \"=http,https\"\nsilent\nfail\nmax-time = 20\noutput = \"/dev/null\"\n"
      "header = \"Content-Type: application/json\"\ndata-binary = \"{}\"\n",
      url, quoted);
}

}  // namespace

std::string notice_json(const Question& question) {
  nlohmann::ordered_json out;
  out["session"] = show(question.session);
  out["operation"] = show(question.operation);
  out["object"] = show(question.object);
  if (!question.other.empty()) out[std::string(other_word(question))] = show(question.other);
  if (question.process) {
    out["command"] = show_command(question.process->argv, 500);
    out["cwd"] = show(question.process->cwd);
  }
  if (question.radius) {
    out["files"] = question.radius->files;
    out["bytes"] = question.radius->bytes;
    out["not_in_git"] = question.radius->not_in_git;
    out["outside_project"] = question.radius->outside_project;
    out["complete"] = question.radius->complete;
    out["root"] = show(question.radius->root);
  }
  out["recovery"] = name(question.recovery);
  out["rule"] = show(to_string(question.decision.rule));
  out["reason"] = show(question.decision.reason);
  out["quorum"] = question.decision.quorum;
  out["timeout_s"] = question.decision.timeout.count();
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Notices::~Notices() {
  for (auto& [fd, one] : running_) {
    loop_.remove(fd);
    loop_.cancel(one.limit);  // one that is telling somebody may finish
  }
}

void Notices::question_waits(const Question& question) {
  if (!options_.url.empty()) start({"curl", "-q", "--config", "-"}, post_of(options_.url, notice_json(question)));
  if (!options_.command.empty()) start(options_.command, notice_json(question));
  if (options_.desktop) {
    const std::string body = fmt::format("{} {}", show(question.operation, 24), show(question.object, 200));
    start({"notify-send", "--app-name=assent", "--", "assent: a question waits", without_markup(body)}, "");
  }
}

void Notices::start(const std::vector<std::string>& argv, const std::string& input) {
  if (running_.size() >= kMostAtOnce) return;
  // The whole text is there before the program starts, so nobody writes into a pipe that is not read.
  const UniqueFd text(::memfd_create("assent-notice", MFD_CLOEXEC));
  if (!text || !sys::write_all(text.get(), input) || ::lseek(text.get(), 0, SEEK_SET) != 0) return;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  if (::posix_spawn_file_actions_init(&files) != 0) return;
  ::posix_spawnattr_init(&how);
  ::posix_spawn_file_actions_adddup2(&files, text.get(), 0);
  ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setsigdefault(&how, &all);
  ::posix_spawnattr_setpgroup(&how, 0);  // not in the foreground of the terminal
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  Running one;
  notify::leave_cpu();
  const int failed = ::posix_spawnp(&one.pid, words[0], &files, &how, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&how);
  if (failed != 0) return;
  auto pidfd = sys::pidfd_open(one.pid);
  const int number = pidfd ? pidfd->get() : -1;
  if (!pidfd || !loop_.add(number, EPOLLIN, [this, number](std::uint32_t) { ended(number); })) {
    ::kill(one.pid, SIGKILL);
    ::waitpid(one.pid, nullptr, 0);
    return;
  }
  one.pidfd = std::move(*pidfd);
  one.limit = loop_.after(kLongest, [pid = one.pid] { ::kill(-pid, SIGKILL); });
  running_.emplace(number, std::move(one));
}

void Notices::ended(int pidfd) {
  const auto found = running_.find(pidfd);
  if (found == running_.end()) return;
  loop_.cancel(found->second.limit);
  ::waitpid(found->second.pid, nullptr, 0);
  loop_.remove(pidfd);
  running_.erase(found);
}

}  // namespace assent::session
