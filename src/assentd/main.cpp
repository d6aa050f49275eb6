// assentd: the approval daemon. Carries questions and answers between sessions and people; never touches an agent or
// its files. main constructs everything, and everything receives what it needs.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <csignal>
#include <iostream>
#include <sstream>

#include "assentd/place.h"
#include "assentd/server.h"
#include "assentd/state.h"
#include "base/show.h"
#include "base/sys.h"

namespace assent::assentd {
namespace {

namespace po = boost::program_options;

constexpr int kUsage = 2;
constexpr int kRunsAlready = 1;
constexpr int kFailed = 125;

void harden() {
  // Thousands of sessions; the soft limit is 1024.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(0077);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int complain(const Error& error) {
  fmt::print(stderr, "assentd: {}\n", error.what);
  return error.code == EADDRINUSE ? kRunsAlready : kFailed;
}

// The parent waits until the child listens, so that what is started next finds it. Gives the pipe that says so.
Result<UniqueFd> into_background() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return sys::last_error("pipe2");
  const pid_t child = ::fork();
  if (child < 0) return sys::last_error("fork");
  if (child > 0) {
    ::close(ends[1]);
    char status = kFailed;
    if (::read(ends[0], &status, 1) != 1) status = kFailed;
    ::_exit(static_cast<unsigned char>(status));
  }
  ::close(ends[0]);
  ::setsid();
  return UniqueFd(ends[1]);
}

void tell_parent(UniqueFd& pipe, int status) {
  if (!pipe) return;
  const char byte = static_cast<char>(status);
  [[maybe_unused]] const ssize_t n = ::write(pipe.get(), &byte, 1);
  pipe.reset();
}

void leave_terminal() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (int fd = 0; fd < 3; ++fd) ::dup2(null.get(), fd);
  [[maybe_unused]] const int moved = ::chdir("/");
}

int serve(const std::string& socket, Audience audience, const std::string& group, bool background) {
  UniqueFd parent;
  if (background) {
    auto pipe = into_background();
    if (!pipe) return complain(pipe.error());
    parent = std::move(*pipe);
  }
  const auto failed = [&](const Error& error) {
    const int status = complain(error);
    tell_parent(parent, status);
    return status;
  };
  auto place = take_place(socket, audience, group);
  if (!place) return failed(place.error());
  auto loop = EventLoop::create();
  if (!loop) return failed(loop.error());
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed))
    return failed(Error{EIO, "cannot get random bytes"});
  State state(seed);
  Server server(*loop, state, place->listener.get(), audience);
  if (auto status = server.start(); !status) return failed(status.error());

  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ends, number);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  const UniqueFd signals(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return failed(Error{errno, "cannot wait for signals"});
  if (auto status = loop->add(signals.get(), EPOLLIN, [&](std::uint32_t) { loop->stop(); }); !status)
    return failed(status.error());

  if (background) leave_terminal();
  tell_parent(parent, 0);
  if (auto status = loop->run(); !status) return complain(status.error());
  return 0;
}

int main_of(int argc, char** argv) {
  po::options_description options("options");
  auto add = options.add_options();
  add("system", "serve every user in the group, at /run/assent/assentd.sock");
  add("group", po::value<std::string>()->default_value("assent")->value_name("NAME"), "with --system: who may connect");
  add("socket", po::value<std::string>()->value_name("PATH"), "listen here instead");
  add("background", "go on in the background as soon as it listens");
  add("help,h", "this text");
  add("version", "print the version");
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv).options(options).positional({}).run(), given);
    po::notify(given);
  } catch (const po::error& problem) {
    fmt::print(stderr, "assentd: cannot start: {}; see 'assentd --help'\n", show(problem.what()));
    return kUsage;
  }
  if (given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assentd [options]\n\nThe approval daemon: carries questions of sessions to people, and their answers "
        "back.\n\n{}",
        text.str());
    return 0;
  }
  if (given.count("version") != 0) {
    fmt::print("assentd {}\n", ASSENT_VERSION);
    return 0;
  }
  harden();
  const Audience audience = given.count("system") != 0 ? Audience::System : Audience::User;
  auto socket =
      given.count("socket") != 0 ? Result<std::string>(given["socket"].as<std::string>()) : usual_socket(audience);
  if (!socket) return complain(socket.error());
  return serve(*socket, audience, given["group"].as<std::string>(), given.count("background") != 0);
}

}  // namespace
}  // namespace assent::assentd

int main(int argc, char** argv) { return assent::assentd::main_of(argc, argv); }
