#include "session/proof_session.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/sys.h"
#include "session/session.h"

namespace assent::session {

namespace {

// The gates are proved by what is refused. The default profile lets much through that can be brought back.
constexpr std::string_view kProfile = R"(version = 1
name = "doctor"

[[file]]
ops    = ["modify", "truncate", "rename", "delete", "metadata"]
paths  = ["/**"]
when   = ["own"]
action = "allow"

[[file]]
ops    = ["modify", "truncate", "rename", "delete", "metadata"]
paths  = ["/**"]
action = "deny"
)";

}  // namespace

Scratch::Scratch() {
  for (const char* parent : {"/var/tmp", "/tmp"}) {
    std::string name = std::string(parent) + "/assent-doctor.XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) {
      path_ = name;
      break;
    }
  }
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

bool run_in_a_session(const std::string& home, const std::string& script, const std::vector<std::string>& allow_hosts,
                      const char* shell) {
  const std::string profile = home + "/doctor.toml";
  auto file = sys::openat(AT_FDCWD, profile.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!file || !sys::write_all(file->get(), kProfile)) return false;
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    ::setenv("HOME", home.c_str(), 1);
    ::setenv("XDG_STATE_HOME", (home + "/.state").c_str(), 1);
    ::setenv("XDG_CONFIG_HOME", (home + "/.config").c_str(), 1);
    if (::chdir((home + "/work").c_str()) != 0) ::_exit(125);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    RunOptions options;
    options.command = {shell, "-c", script};
    options.profiles = {"default", profile};
    options.allow_hosts = allow_hosts;
    options.ask = AskOn::Nobody;
    options.loudness = Loudness::Quiet;
    auto status = run(options);
    ::_exit(status ? *status : 125);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) != 125;
}

}  // namespace assent::session
