// The agent tries to make its supervisor wait for ever, so that nobody can be asked and nothing can be stopped any
// more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;

class Standstill : public AsEveryone {};
INSTANTIATE_TEST_SUITE_P(Users, Standstill, ::testing::ValuesIn(everyone()), kEveryone);

// A terminal of the human's, read all the time; `words` run on it until they end. Gives what was shown.
Outcome on_a_terminal(const World& world, const std::vector<std::string>& words) {
  Outcome out;
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return out;
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  if (world.who == Who::Ordinary && ::fchown(slave, ordinary_uid(), ordinary_uid()) != 0) return out;
  const pid_t child = world.start(words, {slave, slave, slave}, [] {
    ::setsid();
    ::ioctl(0, TIOCSCTTY, 0);
  });
  ::close(slave);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(world.patience);
  for (;;) {
    pollfd wait{master, POLLIN, 0};
    if (::poll(&wait, 1, 500) == 1) {
      char buffer[65536];
      const ssize_t n = ::read(master, buffer, sizeof buffer);
      if (n <= 0) break;
      out.out.append(buffer, static_cast<std::size_t>(n));
    }
    if (std::chrono::steady_clock::now() <= deadline) continue;
    ADD_FAILURE() << "still running after " << world.patience << " s";
    ::kill(child, SIGKILL);
    break;
  }
  ::close(master);
  int status = 0;
  ::waitpid(child, &status, 0);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return out;
}

// Its terminal is full all the time, and each child gets a long line of its own there.
constexpr const char* kFlood =
    "import os,threading\n"
    "def flood():\n"
    "  while True: os.write(2,b'x\\n'*20)\n"
    "for i in range(2): threading.Thread(target=flood,daemon=True).start()\n"
    "for i in range(200):\n"
    "  if os.fork()==0:\n"
    "    try: os.unlink('victim1')\n"
    "    except OSError: pass\n"
    "    os._exit(0)\n"
    "  os.wait()\n"
    "os.write(1,b'the end\\n'); os._exit(7)\n";

TEST_P(Standstill, NotByATerminalWithNoRoomForADenial) {
  World world(GetParam());
  if (world.shell("python3 -c pass").status != 0) GTEST_SKIP() << "no python3";
  put(world.project + "/flood.py", kFlood);
  std::string reason;
  while (reason.size() < 3000) reason += "no, ";
  const std::string profile = world.home + "/long.toml";
  put(profile,
      "version = 1\nname = \"long\"\nextends = [\"default\"]\n[[file]]\nops = [\"delete\"]\npaths = "
      "[\"${PROJECT}/**\"]\n"
      "action = \"deny\"\nreason = \"" +
          reason + "\"\n");
  world.give();
  const auto outcome =
      on_a_terminal(world, {assent_binary(), "run", "--ask", "tty", "-p", profile, "--", "python3", "flood.py"});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.out, HasSubstr("the end"));
  EXPECT_TRUE(there(world.project + "/victim1"));
}

// Nobody reads the pipe; the agent's own writes to it would wait, as everywhere.
constexpr const char* kFull =
    "import os,fcntl\n"
    "os.mkfifo('/tmp/pipe'); reader=os.open('/tmp/pipe',os.O_RDONLY|os.O_NONBLOCK)\n"
    "pipe=os.open('/tmp/pipe',os.O_WRONLY); os.dup2(pipe,2)\n"
    "full=os.open('/tmp/pipe',os.O_WRONLY|os.O_NONBLOCK)\n"
    "try:\n"
    "  while True: os.write(full,b'x'*4096)\n"
    "except BlockingIOError: pass\n"
    "try: os.unlink('victim1')\n"
    "except OSError: print('refused')\n"
    "assert not fcntl.fcntl(pipe,fcntl.F_GETFL)&os.O_NONBLOCK, 'the descriptor is not its own any more'\n";

TEST_P(Standstill, NotByAPipeThatNobodyReads) {
  World world(GetParam());
  if (world.shell("python3 -c pass").status != 0) GTEST_SKIP() << "no python3";
  put(world.project + "/full.py", kFull);
  world.give();
  const auto outcome = world.run_inside({"python3", "full.py"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("refused"));
  EXPECT_TRUE(there(world.project + "/victim1"));
}

}  // namespace
}  // namespace assent::run_test
