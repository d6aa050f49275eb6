#include "record/session_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "base/show.h"
#include "base/sys.h"
#include "record/pending.h"

namespace assent::record {

namespace {

constexpr std::string_view kShape = "dddddddd-dddddd-xxxx";

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(errno, fmt::format("cannot create {}: {}", show(path), ::strerrordesc_np(errno)));
}

Status make_directories(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};  // nearly always
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    if (auto status = make_directory(path.substr(0, at)); !status) return status;
  }
  return make_directory(path);
}

}  // namespace

Result<std::string> state_directory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/assent";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.local/state/assent";
  return fail(ENOENT, "cannot find the state folder: neither XDG_STATE_HOME nor HOME is an absolute path");
}

Status own_state(const std::string& state) {
  struct stat is {};
  if (::stat(state.c_str(), &is) != 0 || is.st_uid == ::geteuid()) return {};
  return fail(EPERM,
              fmt::format("cannot use {}: it belongs to the user {}, and this is {} (EPERM); run it as that user, "
                          "or set HOME",
                          show(state), is.st_uid, ::geteuid()));
}

std::string session_path(std::string_view state, std::string_view session) {
  return fmt::format("{}/sessions/{}", state, session);
}

std::string new_session_id() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  // Not gmtime_r, which reads /etc/localtime.
  const std::chrono::sys_seconds time{std::chrono::seconds(now.tv_sec)};
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day day{midnight};
  const std::chrono::hh_mm_ss clock{time - midnight};
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}-{:04x}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), now.tv_nsec * 0x10000 / 1'000'000'000);
}

bool is_session_id(std::string_view text) {
  return std::equal(text.begin(), text.end(), kShape.begin(), kShape.end(), [](char c, char shape) {
    const bool digit = c >= '0' && c <= '9';
    if (shape == 'd') return digit;
    if (shape == 'x') return digit || (c >= 'a' && c <= 'f');
    return c == shape;
  });
}

Result<NewSession> make_session_directory(const std::string& state) {
  const std::string sessions = state + "/sessions";
  if (auto own = own_state(state); !own) return pass(std::move(own));
  if (auto status = make_directories(sessions); !status) return pass(std::move(status));
  for (int attempt = 0; attempt < 64; ++attempt) {
    NewSession session;
    session.id = new_session_id();
    session.path = session_path(state, session.id);
    if (::mkdir(session.path.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return fail(errno, fmt::format("cannot create {}: {}", show(session.path), ::strerrordesc_np(errno)));
    }
    auto directory = sys::openat(AT_FDCWD, session.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory) return pass(std::move(directory));
    session.directory = std::move(*directory);
    return session;
  }
  return fail(EEXIST, fmt::format("cannot create a session in {}: every name is taken", show(sessions)));
}

Result<std::vector<std::string>> list_sessions(const std::string& state) {
  std::vector<std::string> out;
  const std::string sessions = state + "/sessions";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(sessions.c_str()), ::closedir);
  if (!directory) {
    if (errno == ENOENT) return out;
    return fail(errno, fmt::format("cannot read {}: {}", show(sessions), ::strerrordesc_np(errno)));
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    if (is_session_id(entry->d_name)) out.emplace_back(entry->d_name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool never_began(const std::string& state, const std::string& session) {
  const std::string path = session_path(state, session);
  struct stat stat {};
  if (::stat((path + "/" + kLogName).c_str(), &stat) == 0 ? stat.st_size != 0 : errno != ENOENT) return false;
  return ::access((path + "/" + kPendingName).c_str(), F_OK) != 0 && errno == ENOENT;
}

Result<std::string> find_session(const std::string& state, std::string_view word) {
  auto sessions = list_sessions(state);
  if (!sessions) return pass(std::move(sessions));
  while (!sessions->empty() && never_began(state, sessions->back())) sessions->pop_back();
  if (sessions->empty()) return fail(ENOENT, fmt::format("cannot find a session: none is recorded in {}", show(state)));
  if (word.empty() || word == "last") return sessions->back();
  std::string found;
  for (auto& session : *sessions) {
    if (!session.starts_with(word)) continue;
    if (!found.empty()) return fail(EINVAL, fmt::format("cannot find session {}: several begin so", show(word)));
    found = std::move(session);
  }
  if (found.empty()) return fail(ENOENT, fmt::format("cannot find session {}: there is none", show(word)));
  return found;
}

// Locks of the open file description: they are not lost when the same process opens and closes the file elsewhere.
Status lock_log(int log) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(log, F_OFD_SETLK, &lock) == 0) return {};
  if (errno == EACCES) errno = EAGAIN;
  return sys::last_error("fcntl F_OFD_SETLK");
}

bool is_running(int directory) {
  auto log = sys::openat(directory, kLogName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!log) return false;
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(log->get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace assent::record
