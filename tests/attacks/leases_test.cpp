// What the agent may only read it cannot keep others, outside, from writing.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

// Takes a lease on a file, says so by making another, and goes on until a third is there.
constexpr const char* kHold =
    "import fcntl, os, signal, time\n"
    "signal.signal(signal.SIGIO, signal.SIG_IGN)\n"
    "fd = os.open('victim1', os.O_RDONLY)\n"
    "try:\n"
    "    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)\n"
    "except OSError as error:\n"
    "    print(error.strerror)\n"
    "open('ready', 'w').close()\n"
    "end = time.monotonic() + 30\n"
    "while not os.path.exists('over') and time.monotonic() < end: time.sleep(0.02)\n";

class Leases : public AsEveryone {};

TEST_P(Leases, HoldUpNobodyOutside) {
  World world(GetParam());
  int code = -1;
  const auto outside = [&](pid_t) {
    for (int i = 0; i < 1000 && !there(world.project + "/ready"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    // Without O_NONBLOCK it would wait for 45 s.
    const int fd = ::open((world.project + "/victim1").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    code = fd >= 0 ? 0 : errno;
    if (fd >= 0) ::close(fd);
    put(world.project + "/over", "");
  };
  const std::vector<std::string> hold{"/usr/bin/python3", "-c", kHold};
  (void)world.run(hold, {}, outside);
  ASSERT_EQ(code, EWOULDBLOCK) << "the control held up nobody";
  fs::remove(world.project + "/ready");
  fs::remove(world.project + "/over");
  const auto inside = world.run_inside(hold, {}, outside);
  EXPECT_EQ(code, 0) << inside.out << inside.err;
}

INSTANTIATE_TEST_SUITE_P(Each, Leases, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
