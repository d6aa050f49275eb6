#include "session/gate_proof.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/sys.h"
#include "session/session.h"

namespace assent::session {

namespace {

namespace fs = std::filesystem;

constexpr const char* kBefore = "here before the agent\n";

// A project in a folder of its own, on the file system where people keep projects if possible.
class Scratch {
 public:
  Scratch() {
    for (const char* parent : {"/var/tmp", "/tmp"}) {
      std::string name = std::string(parent) + "/assent-doctor.XXXXXX";
      if (::mkdtemp(name.data()) != nullptr) {
        path_ = name;
        break;
      }
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool put(const std::string& path, const char* text) {
  auto fd = sys::openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  return fd && sys::write_all(fd->get(), text).has_value();
}

bool is_as_before(const std::string& path) {
  auto text = sys::read_file(AT_FDCWD, path.c_str());
  return text && *text == kBefore;
}

// In a process of its own: a session changes the process it runs in for good.
bool run_session(const std::string& project, const std::string& script) {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    ::setenv("HOME", project.c_str(), 1);
    ::setenv("XDG_STATE_HOME", (project + "/.state").c_str(), 1);
    ::setenv("XDG_CONFIG_HOME", (project + "/.config").c_str(), 1);
    if (::chdir((project + "/work").c_str()) != 0) ::_exit(125);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    RunOptions options;
    options.command = {"/bin/sh", "-c", script};
    options.profiles = {"default"};
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

}  // namespace

std::vector<GateProof> prove_gates() {
  std::vector<GateProof> out;
  const Scratch scratch;
  const std::string work = scratch.path() + "/work";
  bool ready = !scratch.path().empty() && ::mkdir(work.c_str(), 0755) == 0;
  const std::vector<std::string> names{"unlink", "rename", "over", "truncate", "open", "mode"};
  for (const auto& name : names) ready = ready && put(work + "/" + name, kBefore);
  if (!ready) return {{"gates", false, "no scratch folder could be made in /var/tmp or /tmp"}};

  // Each line tries one thing; the last ones must work, else a sandbox in which nothing runs would pass.
  const bool ran = run_session(
      scratch.path(),
      "rm -f unlink; mv rename gone; echo x >mine; mv -f mine over; truncate -s 0 truncate;"
      "echo x >>open; true >open; chmod 777 mode; echo mine >made; echo x >temporary && rm temporary; exit 0");
  out.push_back({"session", ran,
                 ran ? "a headless session ran"
                     : "a headless session could not be run; 'assent run --headless -- true' says why"});
  if (!ran) return out;
  for (const auto& name : names) {
    const bool held = is_as_before(work + "/" + name);
    out.push_back({"gate: " + name, held, held ? "tried in a real session and refused" : "the agent got past it"});
  }
  struct stat mode {};
  const bool mode_held = ::stat((work + "/mode").c_str(), &mode) == 0 && (mode.st_mode & 0777) == 0644;
  out.back().held = out.back().held && mode_held;
  auto made = sys::read_file(AT_FDCWD, (work + "/made").c_str());
  const bool works = made && *made == "mine\n" && ::access((work + "/temporary").c_str(), F_OK) != 0;
  out.push_back(
      {"own work", works,
       works ? "the agent makes, changes and deletes what is its own" : "the agent cannot work on its own files"});
  return out;
}

}  // namespace assent::session
