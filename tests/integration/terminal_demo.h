// A small session on a real terminal, without a sandbox: an agent command on a pseudo-terminal of its own, and a
// question each time SIGUSR1 comes. For tests of job control and of what a human sees.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "approve/terminal_prompt.h"
#include "approve/terminal_relay.h"
#include "base/event_loop.h"

namespace assent::approve {

struct Report {
  int value = 0;  // first the agent's pid, then what waitpid says of it
};

// The leader of the session, as pid 1 inside is: with its parent in the same session, the agent's process group is not
// an orphaned one, and only then does the kernel stop it at Ctrl-Z.
[[noreturn]] inline void be_monitor(const std::vector<std::string>& argv, const TerminalRelay& relay, int reporting) {
  const std::string parent = std::to_string(::getppid());
  ::setenv("DEMO", parent.c_str(), 1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto streams = relay.agent_stdio();
  ::setsid();
  ::ioctl(relay.slave(), TIOCSCTTY, 0);
  for (int i = 0; i < 3; ++i) ::dup2(streams[static_cast<std::size_t>(i)], i);
  ::dup2(reporting, 3);
  ::close_range(4, ~0U, 0);
  ::signal(SIGTTOU, SIG_IGN);
  const pid_t agent = ::fork();
  if (agent == 0) {
    ::close(3);
    ::setpgid(0, 0);
    if (::isatty(0) == 1) ::tcsetpgrp(0, ::getpid());
    ::signal(SIGTTOU, SIG_DFL);
    const sigset_t mask = relay.agent_mask();
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  ::setpgid(agent, agent);
  for (Report report{agent};;) {
    if (::write(3, &report, sizeof report) < 0) ::_exit(1);
    if (report.value != agent && !WIFSTOPPED(report.value)) ::_exit(0);
    if (::waitpid(agent, &report.value, WUNTRACED) != agent) ::_exit(1);
  }
}

// Runs `argv` as the agent on the streams 0, 1, 2. Answers are written to `log`. Returns the exit status of the agent.
inline int run_terminal_demo(const std::vector<std::string>& argv, int log) {
  EventLoop loop = std::move(EventLoop::create().value());
  auto made = TerminalRelay::create(loop);
  if (!made) return 125;
  TerminalRelay& relay = **made;
  sigset_t own;
  ::sigemptyset(&own);
  ::sigaddset(&own, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &own, nullptr);
  UniqueFd signals(::signalfd(-1, &own, SFD_CLOEXEC | SFD_NONBLOCK));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 125;
  UniqueFd reports(ends[0]);
  UniqueFd reporting(ends[1]);
  const pid_t monitor = ::fork();
  if (monitor == 0) be_monitor(argv, relay, reporting.get());
  reporting.reset();
  Report first{};
  if (::read(reports.get(), &first, sizeof first) != static_cast<ssize_t>(sizeof first)) return 125;
  const pid_t agent = first.value;
  PromptOptions options;
  options.colour = std::getenv("NO_COLOR") == nullptr ? Colour::Yes : Colour::No;
  options.mark = "heron";
  TerminalPrompt prompt(loop, relay, options);
  relay.on_agent_continue([agent] { ::kill(-agent, SIGCONT); });
  relay.on_gone([&] { loop.stop(); });
  std::uint64_t next = 1;
  int result = 125;
  const auto ask = [&] {
    Question question;
    question.id = next++;
    question.session = "s-4f1c";
    auto process = std::make_shared<Process>();
    process->id = 7 + question.id;
    process->argv = {"rm", "-rf", "tests/", "patches/", "plan/", "~/"};
    process->cwd = "/home/u/project";
    process->ancestry = {"bash", "node", "agent"};
    question.process = process;
    question.operation = "delete";
    question.object = "/home/u/project/tests/日本語/a\nb.c";
    question.radius = Radius{1204, 3'400'000, 12, 3, false, "/home/u/project/tests"};
    question.decision.rule = {"default.toml", 31};
    question.decision.reason = "deletes what was there before";
    question.asked_at = std::chrono::system_clock::now();
    question.deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
    prompt.ask(question, [log, agent](const Answer& answer) {
      ::dprintf(log, "answer %s %s %s\n",
                answer.consent == Consent::Yes  ? "yes"
                : answer.consent == Consent::No ? "no"
                                                : "stop",
                std::string(name(answer.scope)).c_str(), answer.reason.c_str());
      if (answer.consent == Consent::Stop) ::kill(-agent, SIGKILL);
    });
  };
  if (!loop.add(reports.get(), EPOLLIN, [&](std::uint32_t) {
        Report report{};
        const ssize_t n = ::read(reports.get(), &report, sizeof report);
        if (n == static_cast<ssize_t>(sizeof report) && WIFSTOPPED(report.value)) {
          ::dprintf(log, "stopped\n");
          relay.agent_stopped();
          ::dprintf(log, "continued\n");
          return;
        }
        if (n > 0) result = WIFEXITED(report.value) ? WEXITSTATUS(report.value) : 128 + WTERMSIG(report.value);
        loop.stop();
      })) {
    return 125;
  }
  if (!loop.add(signals.get(), EPOLLIN, [&](std::uint32_t) {
        signalfd_siginfo info{};
        while (::read(signals.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
          ask();
        }
      })) {
    return 125;
  }
  if (!relay.start() || !loop.run()) return 125;
  relay.finish();
  return result;
}

}  // namespace assent::approve
