// assent watch: questions, sessions and decisions on a full screen; answers with a key. Wires the model to the daemon,
// the records, the keys and the screen.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <boost/program_options.hpp>
#include <csignal>
#include <optional>
#include <sstream>

#include "approve/key_reader.h"
#include "base/event_loop.h"
#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "cli/watch_daemon.h"
#include "cli/watch_model.h"
#include "cli/watch_records.h"
#include "cli/watch_screen.h"
#include "cli/watch_view.h"
#include "record/session_dir.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using namespace std::chrono_literals;
using Clock = WatchModel::Clock;

constexpr auto kIdleKeys = 120ms;  // a little more than an Escape key needs to be told from a sequence
constexpr auto kLookAtRecords = 250ms;
constexpr auto kLookForSessions = 1s;
constexpr auto kLongestLook = 30ms;
constexpr auto kAway = 300ms;  // nothing of ours ran for so long: we were stopped

class Watch {
 public:
  Watch(EventLoop& loop, WatchScreen& screen, std::optional<std::string> state)
      : loop_(loop), screen_(screen), daemon_(loop, events()) {
    if (state) records_.emplace(*state);
  }

  // 0, or the signal that ended it.
  int run() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int number : {SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&wanted, number);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    const UniqueFd signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!loop_.add(signals.get(), EPOLLIN, [&](std::uint32_t) { on_signal(signals.get()); })) return SIGTERM;
    if (!loop_.add(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { on_keys(); })) return SIGTERM;
    look_for_sessions();
    look_at_records();
    daemon_.start();
    screen_.forget_input();
    while (!model_.wants_to_quit() && signal_ == 0) {
      const auto now = Clock::now();
      const auto next = model_.tick(now);
      for (auto& give : model_.take_answers()) answer(std::move(give));
      if (model_.take_suspend()) {
        screen_.suspend();
        model_.lost_time(Clock::now());
      }
      if (model_.take_redraw()) screen_.anew();
      if (model_.take_bell()) screen_.bell();
      draw(now);
      began_waiting_ = Clock::now();
      waits_for_ = std::max<std::chrono::nanoseconds>(next - began_waiting_, 0ns);
      if (!loop_.run_once(waits_for_)) break;
    }
    loop_.remove(STDIN_FILENO);
    loop_.remove(signals.get());
    return signal_;
  }

 private:
  WatchDaemon::Events events() {
    WatchDaemon::Events out;
    out.connected = [this](std::string where) { model_.connected(std::move(where)); };
    out.disconnected = [this](std::string why) { model_.disconnected(std::move(why)); };
    out.told = [this](auto waiting, auto running) {
      model_.told(std::move(waiting), std::move(running), Clock::now());
    };
    out.given = [this](const std::string& id, Consent consent, std::uint64_t missing) {
      model_.given(id, consent, missing);
    };
    out.refused = [this](const std::string& id, const std::string& why) { model_.refused(id, why); };
    return out;
  }

  void answer(approve::message::Give give) {
    const std::string id = give.id;
    if (!daemon_.give(std::move(give))) model_.refused(id, "there is no approval daemon");
  }

  void draw(Clock::time_point now) {
    const auto picture = lay_out(model_, screen_.columns(), screen_.rows(), now);
    model_.limit_scroll(picture.most_scroll);
    screen_.draw(picture);
    const auto shows = picture.shows_question ? WatchModel::Shows::Question : WatchModel::Shows::Nothing;
    if (!model_.drawn(shows, Clock::now())) return;
    // What was typed until now was not meant for a question that came up by itself.
    if (model_.nobody_chose()) screen_.forget_input();
    screen_.ask_whether_drawn();
  }

  void on_keys() {
    const auto now = Clock::now();
    if (now - began_waiting_ > waits_for_ + kAway) model_.lost_time(now);
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      signal_ = SIGHUP;  // the terminal is gone
      return;
    }
    model_.input(keys_.feed({buffer.data(), static_cast<std::size_t>(n)}, now), now);
    loop_.cancel(idle_);
    idle_ = {};
    if (keys_.at_rest()) return;
    idle_ = loop_.after(kIdleKeys, [this] { model_.input(keys_.idle(Clock::now()), Clock::now()); });
  }

  void on_signal(int fd) {
    signalfd_siginfo info{};
    while (::read(fd, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGWINCH)
        screen_.resized();
      else
        signal_ = static_cast<int>(info.ssi_signo);
    }
  }

  void look_for_sessions() {
    if (!records_) return;
    model_.recorded(records_->running());
    loop_.after(kLookForSessions, [this] { look_for_sessions(); });
  }

  void look_at_records() {
    if (!records_) return;
    const bool more = records_->look(kLongestLook, [this](std::string session, std::string line) {
      model_.decided(std::move(session), std::move(line));
    });
    loop_.after(more ? std::chrono::milliseconds(5) : kLookAtRecords, [this] { look_at_records(); });
  }

  EventLoop& loop_;
  WatchScreen& screen_;
  WatchModel model_;
  WatchDaemon daemon_;
  std::optional<WatchRecords> records_;
  approve::KeyReader keys_;
  EventLoop::TimerId idle_{};
  Clock::time_point began_waiting_{};
  std::chrono::nanoseconds waits_for_{};
  int signal_ = 0;
};

int watch(EventLoop& loop, int& signal) {
  auto screen = WatchScreen::open();
  if (!screen) return complain("watch", screen.error().what, screen.error().code == ENOTTY ? kUsage : kFailed);
  const auto state = record::state_directory();
  signal = Watch(loop, **screen, state ? std::optional(*state) : std::nullopt).run();
  return kOk;
}

}  // namespace

int watch_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 0);
  if (!parsed) return complain("watch", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent watch\n\nQuestions that wait, sessions that run and what is decided in them, on the whole "
        "screen; "
        "answers\nwith a key. '?' there says which.\n\n{}",
        text.str());
    return kOk;
  }
  auto loop = EventLoop::create();
  if (!loop) return complain("watch", loop.error().what, kFailed);
  int signal = 0;
  const int status = watch(*loop, signal);
  if (signal == 0) return status;
  // The terminal is as it was; now as the signal has it.
  ::signal(signal, SIG_DFL);
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  ::raise(signal);
  return 128 + signal;
}

}  // namespace assent::cli
