// The doctor's probes on this very machine, which runs the other floor tests and so must be well.
#include "integration/floor_support.h"
#include "launch/probe.h"

namespace assent::floor_test {
namespace {

class FloorProbe : public testing::TestWithParam<Who> {};
INSTANTIATE_TEST_SUITE_P(As, FloorProbe, testing::ValuesIn(everyone()),
                         [](const auto& who) { return name(who.param); });

TEST_P(FloorProbe, NothingThatTheFloorNeedsIsMissing) {
  int told[2];
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    become(GetParam());
    std::string text;
    for (const launch::Probe& probe : launch::probe_floor("/var/tmp/not/there")) {
      text += std::string(launch::name(probe.health)) + " | " + probe.name + " | " + probe.what + " | " +
              probe.next_step + "\n";
    }
    ::_exit(::write(told[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(told[1]);
  std::string text;
  char buffer[4096];
  ssize_t n;
  while ((n = ::read(told[0], buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(n));
  ::close(told[0]);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(text.find("missing |"), std::string::npos) << text;
  for (const char* probe : {"user namespaces", "read-only view", "Landlock", "seccomp notification", "SYNC_WAKE_UP",
                            "ADDFD with SEND", "pidfd_getfd", "process_vm_readv", "PIDFD_THREAD", "ends of processes",
                            "SO_PEERPIDFD", "statx mount id", "birth times", "TIOCSTI"}) {
    EXPECT_NE(text.find(std::string("| ") + probe + " |"), std::string::npos) << probe << "\n" << text;
  }
}

}  // namespace
}  // namespace assent::floor_test
