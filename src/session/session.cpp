// Session: what happens while the agent runs, and the end.
#include "session/session.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "approve/scopes.h"
#include "base/show.h"
#include "base/sys.h"
#include "notify/near_us.h"
#include "session/session_state.h"
#include "session/subject_text.h"

namespace assent::session {

namespace {

using namespace std::chrono_literals;

constexpr auto kFlushEvery = 50ms;
constexpr auto kLookAtGitAfter = 1s;  // git clone and npm install make much at once

}  // namespace

Result<int> Session::run() {
  if (auto status = prepare(); !status) return pass(std::move(status));
  if (auto status = start(); !status) return pass(std::move(status));
  auto looped = loop_->run();
  if (!looped) give_up(looped.error());
  return end();
}

// While the relay has the terminal, what assent says waits: the screen is the agent's, or a question's.
void Session::tell(std::string_view text) {
  if (text == last_said_) return;  // a full disk says the same for every call that it refuses
  last_said_ = text;
  constexpr std::size_t kMostHeld = 1000;
  if (relay_ && relay_running_ && ::isatty(2) == 1) {
    if (held_.size() < kMostHeld) held_.emplace_back(text);
    return;
  }
  fmt::print(stderr, "assent: {}\n", text);
}

void Session::release_terminal() {
  if (!relay_) return;
  approver_.reset();
  relay_->finish();
  relay_running_ = false;
  relay_.reset();
  for (const auto& text : std::exchange(held_, {})) tell(text);
}

void Session::on_listener(std::uint32_t events) {
  const auto readiness = (events & EPOLLIN) != 0 ? notify::Readiness::Seen : notify::Readiness::Unknown;
  if (!gate_->serve(readiness)) loop_->remove(listener_->fd());
  arm_flush();
}

void Session::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (!sandbox_->signal(static_cast<int>(info.ssi_signo))) loop_->stop();
  }
}

void Session::on_agent() {
  for (;;) {
    auto event = sandbox_->next_event();
    if (!event) return give_up(event.error());
    if (!event->has_value()) return;
    last_ = **event;
    switch (last_.kind) {
      case launch::AgentEvent::Kind::ExecFailed:
      case launch::AgentEvent::Kind::Continued:
        break;
      case launch::AgentEvent::Kind::Stopped:
        if (relay_) relay_->agent_stopped();
        break;
      case launch::AgentEvent::Kind::Exited:
      case launch::AgentEvent::Kind::Killed:
        loop_->stop();
        return;
      case launch::AgentEvent::Kind::Gone:
        give_up(Error{ECHILD, "the first process of the sandbox was killed (ECHILD); everything inside has ended"});
        return;
    }
    if (last_.kind == launch::AgentEvent::Kind::ExecFailed) exec_error_ = last_.value;
  }
}

void Session::arm_flush() {
  if (flush_armed_) return;
  flush_armed_ = true;
  loop_->after(kFlushEvery, [this] {
    flush_armed_ = false;
    notify::leave_cpu();
    if (auto status = log_->flush(); !status) tell(status.error().what);
    if (git_armed_ || !gate_->has_git_news()) return;
    git_armed_ = true;
    loop_->after(kLookAtGitAfter, [this] {
      git_armed_ = false;
      tell_of_git();
    });
  });
}

void Session::tell_of_git() {
  for (const auto& line : gate_->git_news()) {
    if (auto status = log_->note("git", line); !status) tell(status.error().what);
    tell(line);
  }
}

void Session::give_up(const Error& error) {
  tell(error.what);
  way_ = Way::Failed;
  loop_->stop();
}

bool Session::recoverable(const std::string& path, const FileId& id) const {
  if (!approve::lies_below(path, place_.project) || path.size() == place_.project.size()) return false;
  auto stat =
      sys::openat2(view_->host_root(), path.c_str() + 1, O_PATH | O_NOFOLLOW,
                   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
          .and_then([](const UniqueFd& fd) -> tl::expected<struct statx, Error> { return sys::statx(fd.get(), ""); });
  return stat && sys::id_of(*stat) == id &&
         git_.holds_unmodified(std::string_view(path).substr(place_.project.size() + 1), *stat,
                               resolve::GitIndex::Place{view_->host_root(), path.c_str() + 1});
}

void Session::say(const Judgement& judgement, int error) {
  const SubjectText text = subject_text(judgement);
  tell(fmt::format("{} {} {} ({})", error == 0 ? "allowed" : "denied", text.operation, show(text.object),
                   to_string(judgement.decision.rule)));
}

int Session::status_of_agent() const {
  if (way_ != Way::Agent) return 125;
  if (exec_error_ != 0) return exec_error_ == ENOENT ? 127 : 126;
  return last_.kind == launch::AgentEvent::Kind::Killed ? 128 + last_.value : last_.value;
}

int Session::end() {
  sandbox_->kill();
  exits_->finish();
  blocking_.reset();
  workers_.reset();
  if (vault_) {
    if (auto closed = vault_->close(); !closed) tell(closed.error().what);
  }
  retention_.reset();
  connects_.reset();
  lookups_.reset();
  relays_.reset();
  questions_.reset();
  approver_.reset();
  notices_.reset();
  release_terminal();
  tell_of_git();
  const int status = status_of_agent();
  record::EndInfo info;
  info.status = last_.kind == launch::AgentEvent::Kind::Killed ? last_.value : (status & 0xff) << 8;
  info.reason = way_ == Way::Agent ? "exit" : way_ == Way::Stopped ? "stopped" : "failed";
  if (auto closed = log_->close(info); !closed) {
    tell(closed.error().what);
    return 125;
  }
  if (exec_error_ != 0)
    tell(fmt::format("cannot run {}: {}", show(options_.command.front()), ::strerrordesc_np(exec_error_)));
  const std::uint64_t denied = denials_->count();
  if (denied > 0 && options_.loudness != Loudness::Quiet && ::isatty(2) == 1) {
    tell(fmt::format("{} act{} denied; 'assent log {}' tells", denied, denied == 1 ? " was" : "s were", session_));
  }
  if (status == 0 && denied > 0 && options_.fail_on_denial == FailOnDenial::Yes) return 77;
  return status;
}

Early Early::begin() {
  prepare_process();
  return Early(launch::Launch::begin());
}

// What is left of a session that has ended is left to the kernel, which takes it back faster, threads and all: what
// must be done in order, end() has done.
Result<int> run(const RunOptions& options, Early early) {
  [[maybe_unused]] static Session* ended = nullptr;
  auto session = std::make_unique<Session>(options, std::move(early));
  auto status = session->run();
  if (status) ended = session.release();
  return status;
}

}  // namespace assent::session
