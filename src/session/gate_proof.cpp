#include "session/gate_proof.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "session/proof_session.h"

namespace assent::session {

namespace {

constexpr const char* kBefore = "here before the agent\n";

bool put(const std::string& path, const char* text) {
  auto fd = sys::openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  return fd && sys::write_all(fd->get(), text).has_value();
}

bool is_as_before(const std::string& path) {
  auto text = sys::read_file(AT_FDCWD, path.c_str());
  return text && *text == kBefore;
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
  const bool ran = run_in_a_session(
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
