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
#include "assentd/web_desk.h"
#include "base/show.h"
#include "base/sys.h"
#include "record/session_dir.h"

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

// The program that lies beside this one; empty: there is none.
std::string sibling(const char* name) {
  auto path = sys::readlinkat(AT_FDCWD, "/proc/self/exe");
  if (!path) return {};
  path->replace(path->rfind('/') + 1, std::string::npos, name);
  return ::access(path->c_str(), X_OK) == 0 ? *path : std::string();
}

web::Options web_options(std::uint16_t port, Audience audience, const std::string& group, const std::string& socket) {
  web::Options out;
  out.port = port;
  if (audience == Audience::System) {
    out.group = group;
    return out;
  }
  if (auto state = record::state_directory()) out.state = std::move(*state);
  out.assent = sibling("assent");
  out.socket = socket;
  return out;
}

int serve(const std::string& socket, Audience audience, const std::string& group, bool background,
          std::optional<std::uint16_t> port) {
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

  // After the signals are blocked, so that none of its threads takes one.
  std::unique_ptr<WebDesk> desk;
  std::unique_ptr<web::Web> page;
  if (port) {
    auto made = WebDesk::create(*loop, state, server);
    if (!made) return failed(made.error());
    desk = std::move(*made);
    auto web = web::Web::start(web_options(*port, audience, group, socket), desk->calls());
    if (!web) return failed(web.error());
    page = std::move(*web);
    server.set_door([&page](const Peer& peer, const std::string& from) {
      return page->door({peer.person.uid, peer.gid, from});
    });
  }

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
  add("web", po::value<std::uint16_t>()->implicit_value(web::kUsualPort)->value_name("PORT"),
      "serve a web page on loopback too; 'assent web' prints the way in");
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
  return serve(*socket, audience, given["group"].as<std::string>(), given.count("background") != 0,
               given.count("web") != 0 ? std::optional(given["web"].as<std::uint16_t>()) : std::nullopt);
}

}  // namespace
}  // namespace assent::assentd

int main(int argc, char** argv) { return assent::assentd::main_of(argc, argv); }
