// The agent answers for itself by what stands beside the daemon's socket: the terminal, the human's windows, files,
// variables. Each with a control in which the same means, in a human's hand, does answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/daemon_world.h"
#include "support/tmux.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Daemon = DaemonWorld::Daemon;

class OwnAnswer : public AsEveryone {
 protected:
  static void moment() { std::this_thread::sleep_for(std::chrono::milliseconds(1500)); }
};
INSTANTIATE_TEST_SUITE_P(Users, OwnAnswer, ::testing::ValuesIn(everyone()), kEveryone);

// Pushes keys into its terminal, asks that terminal for reports, and types ahead, all while the question stands there.
constexpr const char* kPusher =
    "import fcntl,os,sys,termios,time\n"
    "queries='\\x1b[6n\\x1b[5n\\x1b[c\\x1b[>c\\x1bZ\\x1b]11;?\\x07\\x1b]52;c;?\\x07\\x1bP$qm\\x1b\\\\\\x1b[14t\\x1b["
    "21t'\n"
    "def push(text):\n"
    "  for c in text:\n"
    "    for fd in (0,1,2):\n"
    "      try: fcntl.ioctl(fd,termios.TIOCSTI,c.encode())\n"
    "      except OSError: pass\n"
    "sys.stdout.write('\\x1b]0;o\\x07'+queries); sys.stdout.flush(); push('o')\n"
    "if os.fork()==0:\n"
    "  for i in range(40):\n"
    "    push('o'); push('1\\r')\n"
    "    sys.stdout.write(queries); sys.stdout.flush(); time.sleep(0.05)\n"
    "  os._exit(0)\n"
    "try: os.unlink('victim1'); print('gone')\n"
    "except OSError as e: print('kept',e)\n";

TEST_P(OwnAnswer, NotByItsTerminal) {
  if (!Tmux::is_here()) GTEST_SKIP() << "no tmux";
  World world(GetParam());
  put(world.project + "/push.py", kPusher);
  fs::copy_file(assent_binary(), world.root + "/assent");
  ::chmod((world.root + "/assent").c_str(), 0755);
  world.give();
  Tmux terminal(world, world.root + "/assent run --ask tty --timeout 1m -- python3 push.py; echo status $?");
  // What the human typed ahead, for the agent.
  terminal.type("oooo");
  terminal.wait_for("[o]nce");
  moment();
  moment();
  EXPECT_TRUE(there(world.project + "/victim1")) << terminal.screen();
  EXPECT_THAT(terminal.screen(), HasSubstr("[o]nce")) << "and the question still stands";
  terminal.key("o");
  EXPECT_THAT(terminal.wait_for("status"), HasSubstr("gone")) << "the control: the same key, by the human";
  EXPECT_FALSE(there(world.project + "/victim1"));
}

TEST_P(OwnAnswer, NotByTheHumansWindow) {
  if (!Tmux::is_here()) GTEST_SKIP() << "no tmux";
  DaemonWorld world(GetParam(), Daemon::OfUser);
  // A multiplexer, as it stands for every display: whoever reaches its socket types into the windows of the human.
  const std::string window = world.home + "/.window",
                    keys = "for i in 1 2 3 4; do tmux -S " + window + " send-keys -t 0 o; sleep 0.5; done";
  const auto human = world.run({"tmux", "-S", window, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
                                world.root + "/assent watch"});
  ASSERT_EQ(human.status, 0) << human.err;
  put(world.project + "/keys.sh", keys + "\n");
  world.give();
  const auto shows = [&](const std::string& text) {
    for (int i = 0; i < 200; ++i) {
      if (world.run({"tmux", "-S", window, "capture-pane", "-p"}).out.find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  };
  (void)world.session("(sh keys.sh >keys.log 2>&1; echo typed >>keys.log) & rm victim1; wait",
                      [&](pid_t) {
                        EXPECT_TRUE(shows("rm victim1"));
                        // Connecting there is a question of its own, which nobody answers.
                        moment();
                        moment();
                        EXPECT_TRUE(there(world.project + "/victim1"));
                        EXPECT_TRUE(shows("rm victim1"));
                        world.shell(keys);
                        for (int i = 0; i < 100 && there(world.project + "/victim1"); ++i)
                          std::this_thread::sleep_for(std::chrono::milliseconds(50));
                        EXPECT_FALSE(there(world.project + "/victim1")) << "the control: the same keys, from outside";
                      },
                      {"--timeout", "8s"});
  world.run({"tmux", "-S", window, "kill-server"});
}

TEST_P(OwnAnswer, NotByAFile) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  const std::string rule =
      "version = 1\nname = \"default\"\nextends = [\"default\"]\n[[file]]\nops = [\"delete\"]\npaths = "
      "[\"/**\"]\naction = \"allow\"\n";
  const std::string config = world.home + "/.config/assent";
  put(world.project + "/rule.toml", rule);
  world.give();
  const std::string write = "mkdir -p " + config + "/profiles; for f in " + config + "/profiles/default.toml " +
                            config + "/profile.toml .assent.toml " + world.state +
                            "/assent/freezes.json; do cp rule.toml $f; done";
  const auto outcome = world.session(write + "; rm victim1", [&](pid_t) {
    const auto waiting = world.pending();
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_EQ(waiting[0]["object"], world.project + "/victim1") << "of the others nobody is even asked";
    moment();
    EXPECT_TRUE(there(world.project + "/victim1"));
    world.assent({"deny", waiting[0]["id"]});
  });
  EXPECT_FALSE(there(config)) << outcome.err;
  EXPECT_FALSE(there(world.project + "/.assent.toml"));
  // Nor a later session's.
  (void)world.shell_inside("rm victim1");
  EXPECT_TRUE(there(world.project + "/victim1"));
  // The control: the human writes the same file.
  put(config + "/profiles/default.toml", rule);
  world.give();
  (void)world.shell_inside("rm victim1");
  EXPECT_FALSE(there(world.project + "/victim1"));
}

// A daemon of the agent's own: says yes to everything.
constexpr const char* kYes =
    "import json,os,socket,struct,sys\n"
    "s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)\n"
    "def send(c,m):\n"
    "  b=json.dumps(m).encode(); c.sendall(struct.pack('<I',len(b))+b)\n"
    "def take(c,n):\n"
    "  b=b''\n"
    "  while len(b)<n:\n"
    "    m=c.recv(n-len(b))\n"
    "    if not m: raise EOFError\n"
    "    b+=m\n"
    "  return b\n"
    "while True:\n"
    "  c,_=s.accept()\n"
    "  try:\n"
    "    while True:\n"
    "      m=json.loads(take(c,struct.unpack('<I',take(c,4))[0]))\n"
    "      if m['is']=='hello': send(c,{'is':'welcome','version':1})\n"
    "      if m['is']=='ask': "
    "send(c,{'is':'answered','answer':{'question':m['question']['id'],'consent':'yes','scope':'once',"
    "'reason':'','who':'me','uid':os.getuid(),'from':'','votes':[],'took_ms':1}})\n"
    "  except EOFError: pass\n";

TEST_P(OwnAnswer, NotByAVariableThatNamesADaemonOfItsOwn) {
  DaemonWorld world(GetParam(), Daemon::OfUser);
  fs::create_directories(world.project + "/assent");
  put(world.project + "/yes.py", kYes);
  world.give();
  const std::string variables = "ASSENT_DAEMON=" + world.project +
                                "/assent/assentd.sock XDG_RUNTIME_DIR=" + world.project +
                                " ASSENT=0 ASSENT_ASK=none HOME=" + world.project;
  (void)world.session(
      "python3 yes.py assent/assentd.sock & sleep 1; export " + variables + "; " + variables + " rm victim1; kill %1",
      [&](pid_t) {
        const auto waiting = world.pending();
        ASSERT_EQ(waiting.size(), 1u) << "the question is where it always was";
        moment();
        EXPECT_TRUE(there(world.project + "/victim1"));
        world.assent({"deny", waiting[0]["id"]});
      });
  EXPECT_TRUE(there(world.project + "/victim1"));
  // The control: a human who names that daemon before the session gets its answers.
  fs::remove(world.project + "/assent/assentd.sock");
  const auto environment = world.extra_environment;
  const pid_t yes = world.start({"python3", "yes.py", "assent/assentd.sock"}, {-1, 1, 2});
  for (int i = 0; i < 200 && !there(world.project + "/assent/assentd.sock"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  world.extra_environment = {"ASSENT_DAEMON=" + world.project + "/assent/assentd.sock"};
  (void)world.session("rm victim1", [](pid_t) {});
  EXPECT_FALSE(there(world.project + "/victim1"));
  world.extra_environment = environment;
  ::kill(yes, SIGKILL);
  ::waitpid(yes, nullptr, 0);
}

}  // namespace
}  // namespace assent::run_test
