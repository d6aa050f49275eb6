#include "assentd/web_desk.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/sys.h"

namespace assent::assentd {

namespace {

constexpr std::size_t kMostWaiting = 200;  // that a page shows; of more it says how many there are
constexpr std::size_t kMostRunning = 200;
constexpr std::size_t kAtOnce = 8;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Every word stands somewhere in what the question shows, in whatever case.
std::function<bool(const Question&)> holding(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += lower(c);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return [words = std::move(words)](const Question& question) {
    std::string all = question.operation + "\n" + question.object + "\n" + question.session + "\n" +
                      question.decision.reason + "\n" + to_string(question.decision.rule);
    if (question.process) {
      all += "\n" + question.process->cwd + "\n";
      for (const auto& argument : question.process->argv) all += argument + " ";
    }
    std::ranges::transform(all, all.begin(), lower);
    return std::ranges::all_of(words, [&](const std::string& one) { return all.find(one) != std::string::npos; });
  };
}

}  // namespace

Result<std::unique_ptr<WebDesk>> WebDesk::create(EventLoop& loop, State& state, Server& server) {
  UniqueFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return sys::last_error("eventfd");
  const int number = bell.get();
  std::unique_ptr<WebDesk> out(new WebDesk(loop, state, server, std::move(bell)));
  if (auto status = loop.add(number, EPOLLIN, [raw = out.get()](std::uint32_t) { raw->on_bell(); }); !status)
    return pass(std::move(status));
  return out;
}

WebDesk::~WebDesk() { loop_.remove(bell_.get()); }

web::Desk WebDesk::calls() {
  web::Desk out;
  out.look = [this](Person person, std::optional<std::uint64_t> known, auto then) {
    post([this, person = std::move(person), known, then = std::move(then)] {
      if (known == state_.revision()) return then(std::nullopt);
      then(look(person, {}));
    });
  };
  out.find = [this](Person person, std::string words, auto then) {
    post([this, person = std::move(person), words = std::move(words), then = std::move(then)] {
      then(look(person, words));
    });
  };
  out.give = [this](approve::message::Give give, Person person, std::string from, auto then) {
    post([this, give = std::move(give), person = std::move(person), from = std::move(from), then = std::move(then)] {
      then(server_.give(give, person, from));
    });
  };
  out.forget = [this] {
    const std::lock_guard lock(mutex_);
    tasks_.clear();
  };
  return out;
}

void WebDesk::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  ring();
}

void WebDesk::ring() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(bell_.get(), &one, sizeof one);
}

void WebDesk::on_bell() {
  std::uint64_t rung = 0;
  [[maybe_unused]] const ssize_t n = ::read(bell_.get(), &rung, sizeof rung);
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    std::function<void()> task;
    {
      const std::lock_guard lock(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
  // The rest after whatever else waits.
  ring();
}

web::Snapshot WebDesk::look(const Person& person, const std::string& words) const {
  web::Snapshot out;
  out.revision = state_.revision();
  out.waiting_in_all = state_.first_waiting(
      person, State::Clock::now(), kMostWaiting,
      [&](approve::message::Waiting one) { out.waiting.push_back(std::move(one)); },
      words.empty() ? nullptr : holding(words));
  state_.each_running(person, [&](approve::message::Running one) {
    if (++out.running_in_all <= kMostRunning) out.running.push_back(std::move(one));
  });
  return out;
}

}  // namespace assent::assentd
