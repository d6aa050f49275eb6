// Who the agent is inside, what it may, and whose life hangs on whose.
#include <arpa/inet.h>
#include <linux/seccomp.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <chrono>
#include <thread>

#include "base/kernel_abi.h"
#include "base/sys.h"
#include "integration/floor_support.h"
#include "launch/grants.h"

namespace assent::floor_test {
namespace {

class FloorProcess : public testing::TestWithParam<Who> {
 protected:
  World world{GetParam()};
  Stay as{.who = GetParam()};
  std::string id() const { return std::to_string(GetParam() == Who::Self ? ::geteuid() : ordinary_uid()); }
};
INSTANTIATE_TEST_SUITE_P(As, FloorProcess, testing::ValuesIn(everyone()),
                         [](const auto& who) { return name(who.param); });

TEST_P(FloorProcess, TheAgentKeepsItsUserAndGroup) {
  EXPECT_EQ(run_inside(world, "id -u; id -g; stat -c %u:%g file.txt", as).out,
            id() + "\n" + id() + "\n" + id() + ":" + id() + "\n");
}

TEST_P(FloorProcess, ItHasNoRights) {
  const Outcome outcome = run_inside(world, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status", as);
  EXPECT_EQ(outcome.out,
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
            "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n")
      << outcome.error;
}

TEST_P(FloorProcess, AFileThatOnlyASupplementaryGroupOpensIsStillOpen) {
  if (GetParam() == Who::Self) GTEST_SKIP() << "needs another user than root";
  put(world.root + "/group-file", "for the group\n");
  ASSERT_EQ(::chown((world.root + "/group-file").c_str(), 0, 54321), 0);
  ASSERT_EQ(::chmod((world.root + "/group-file").c_str(), 0640), 0);
  const std::string script = "cat \"$HOME/../group-file\" 2>/dev/null || echo refused; id -G";
  EXPECT_EQ(run_inside(world, script, as).out, "refused\n" + id() + "\n");
  as.groups = {54321};
  EXPECT_EQ(run_inside(world, script, as).out, "for the group\n" + id() + " 65534\n");
}

TEST_P(FloorProcess, ProcessesOutsideCannotBeSeenOrSignalled) {
  const Outcome outcome =
      run_inside(world,
                 "ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm; readlink /proc/self/ns/pid | cut -d: -f1; "
                 "for i in 1 2 3; do kill -9 1; kill -TERM 1; done 2>/dev/null; cat /proc/1/comm; "
                 "cat /proc/1/environ 2>/dev/null || echo closed; readlink /proc/1/fd/16 2>/dev/null || echo closed",
                 as);
  // pid 1, sh, ls, wc at most
  ASSERT_GE(outcome.out.size(), 2U) << outcome.error;
  EXPECT_LE(outcome.out[0], '4');
  EXPECT_EQ(outcome.out.substr(2), "assent-init\npid\nassent-init\nclosed\nclosed\n");
  EXPECT_EQ(outcome.status, 0) << "signals to pid 1 are without effect: " << outcome.status;
}

// Landlock's scope of signals (ABI 6, Linux 6.12). Without it pid 1 gets them, and does not heed them.
TEST_P(FloorProcess, Pid1CannotBeSignalledWhereLandlockHasAScopeOfSignals) {
  if (launch::landlock_abi() < 6) GTEST_SKIP() << "Landlock has no scopes here";
  EXPECT_EQ(run_inside(world, "kill -TERM 1 2>/dev/null || echo no", as).out, "no\n");
}

TEST_P(FloorProcess, OnlyLoopbackIsThereAndItIsUp) {
  const Outcome outcome = run_inside(world, "tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route", as);
  EXPECT_EQ(outcome.out, "    lo\n") << outcome.error;
  const Outcome talk =
      run_inside(world,
                 "perl -MSocket -e 'socket(L,2,1,0);bind(L,pack_sockaddr_in(0,inet_aton(\"127.0.0.1\")))or die;"
                 "listen(L,1);socket(C,2,1,0);connect(C,getsockname(L))or die;print \"up\\n\";"
                 "socket(D,2,1,0);connect(D,pack_sockaddr_in(53,inet_aton(\"8.8.8.8\")))or print \"$!\\n\"'",
                 as);
  EXPECT_EQ(talk.out, "up\nNetwork is unreachable\n");
}

TEST_P(FloorProcess, NoFurtherUserNamespaceCanBeMade) {
  as.before_go = [](launch::Sandbox& sandbox) {
    if (!sandbox.floor().facts().nested_users_closed) ::_exit(1);
  };
  EXPECT_EQ(run_inside(world,
                       "unshare -U true 2>/dev/null || echo no; mount -t tmpfs none /tmp 2>/dev/null || echo no; "
                       "umount /tmp 2>/dev/null || echo no",
                       as)
                .out,
            "no\nno\nno\n");
}

TEST_P(FloorProcess, NoDescriptorOfOursIsOpenInside) {
  as.prepare = [](launch::Spec&) {  // ones that are not close-on-exec
    for (int fd = 50; fd < 60; ++fd) ::dup2(1, fd);
  };
  EXPECT_EQ(run_inside(world, "ls /proc/self/fd | sort -n | tr '\\n' ' '", as).out,
            "0 1 2 3 ");  // 3: ls reads the folder
}

TEST_P(FloorProcess, SignalsAreNeitherIgnoredNorBlockedInside) {
  as.prepare = [](launch::Spec&) {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
  };
  EXPECT_EQ(run_inside(world, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status", as).out,
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  as.prepare = [](launch::Spec& spec) { spec.ignored_signals = {SIGHUP}; };
  EXPECT_EQ(run_inside(world, "exec grep -E '^SigIgn' /proc/self/status", as).out, "SigIgn:\t0000000000000001\n");
}

TEST_P(FloorProcess, TheEnvironmentIsTheOneGiven) {
  as.prepare = [](launch::Spec& spec) {
    spec.argv = {"/usr/bin/env"};
    spec.environment = {"A=1", "B=two words"};
  };
  EXPECT_EQ(run_inside(world, "", as).out, "A=1\nB=two words\n");
}

TEST_P(FloorProcess, DeathByASignalIsTold) { EXPECT_EQ(run_inside(world, "kill -SEGV $$", as).status, 1000 + SIGSEGV); }

TEST_P(FloorProcess, AProgramThatIsNotThereIsTold) {
  as.prepare = [](launch::Spec& spec) { spec.argv = {"assent-no-such-program"}; };
  EXPECT_EQ(run_inside(world, "", as).status, 127);
  as.prepare = [&](launch::Spec& spec) { spec.argv = {world.project + "/file.txt"}; };
  EXPECT_EQ(run_inside(world, "", as).status, 126);
}

TEST_P(FloorProcess, AWorkingFolderThatIsHiddenIsToldByName) {
  as.prepare = [&](launch::Spec& spec) { spec.cwd = world.home + "/.ssh"; };
  const Outcome outcome = run_inside(world, "true", as);
  EXPECT_EQ(outcome.status, 2000);
  EXPECT_NE(outcome.error.find("cannot enter " + world.home + "/.ssh"), std::string::npos) << outcome.error;
  EXPECT_NE(outcome.error.find("ENOENT"), std::string::npos) << outcome.error;
}

TEST_P(FloorProcess, AStopAndItsEndAreTold) {
  as.before_go = [](launch::Sandbox& sandbox) {
    // Takes the place of run_inside's own wait.
    if (!sandbox.go()) ::_exit(1);
    bool stopped = false;
    bool continued = false;
    const int status = wait_for_end(sandbox, [&](const launch::AgentEvent& event) {
      if (event.kind == launch::AgentEvent::Kind::Stopped && event.value == SIGTSTP) {
        stopped = true;
        if (!sandbox.signal(SIGCONT)) ::_exit(2);
      }
      if (event.kind == launch::AgentEvent::Kind::Continued) continued = true;
    });
    ::_exit(stopped && continued && status == 5 ? 77 : 3);
  };
  EXPECT_EQ(run_inside(world, "kill -TSTP $$; sleep 0.3; exit 5", as).supervisor, 77);
}

TEST_P(FloorProcess, WhatTheAgentLeavesRunningEndsWithIt) {
  const auto begin = std::chrono::steady_clock::now();
  // The pipe is at its end only when the last holder of it is gone.
  EXPECT_EQ(run_inside(world, "sleep 100 & (setsid sleep 100 &) ; exit 3", as).status, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_P(FloorProcess, OrphansAreReaped) {
  EXPECT_EQ(
      run_inside(world, "(sleep 0.01 &); sleep 0.1; grep -l '^State:.*zombie' /proc/[0-9]*/status 2>/dev/null", as).out,
      "");
}

TEST_P(FloorProcess, APseudoTerminalBecomesItsControllingOne) {
  as.prepare = [](launch::Spec& spec) {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) ::_exit(1);
    spec.terminal = slave;
  };
  EXPECT_EQ(run_inside(world, "echo x > /dev/tty && echo mine; tty < /dev/console", as).out, "mine\n/dev/console\n");
}

// Its first call at the listener is its execve, whose words the supervisor has to read.
TEST_P(FloorProcess, ANonDumpableSupervisorReadsItBeforeItsFirstExec) {
  static char word[] = "word";
  as.prepare = [](launch::Spec&) { ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); };
  as.before_go = [](launch::Sandbox& sandbox) {
    char copy[sizeof word] = {};
    const iovec here{copy, sizeof copy};
    const iovec there{word, sizeof word};
    if (::process_vm_readv(sandbox.agent_pid(), &here, 1, &there, 1, 0) != sizeof word) ::_exit(1);
    if (!sys::pidfd_getfd(sandbox.agent_pidfd(), 1)) ::_exit(2);
    if (::open(("/proc/" + std::to_string(sandbox.init_pid()) + "/mem").c_str(), O_RDONLY) >= 0 && ::geteuid() != 0)
      ::_exit(3);
    ::_exit(std::string(copy) == "word" ? 77 : 4);
  };
  EXPECT_EQ(run_inside(world, "", as).supervisor, 77);
}

TEST_P(FloorProcess, ControlZOnItsTerminalStopsTheAgent) {
  as.prepare = [](launch::Spec& spec) {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) ::_exit(1);
    ::dup2(master, 90);
    spec.terminal = slave;
    spec.stdio = {slave, slave, slave};
    spec.argv = {"sleep", "100"};
  };
  as.before_go = [](launch::Sandbox& sandbox) {
    if (!sandbox.go()) ::_exit(1);
    if (::write(90, "\x1a", 1) != 1) ::_exit(2);
    bool stopped = false;
    const int status = wait_for_end(sandbox, [&](const launch::AgentEvent& event) {
      if (event.kind != launch::AgentEvent::Kind::Stopped) return;
      stopped = true;
      if (::write(90, "\x03", 1) != 1 || !sandbox.signal(SIGCONT)) ::_exit(3);
    });
    ::_exit(stopped && status == 1000 + SIGINT ? 77 : 4);
  };
  EXPECT_EQ(run_inside(world, "", as).supervisor, 77);
}

TEST_P(FloorProcess, TheSupervisorReadsItsMemoryAndTakesItsDescriptors) {
  as.prepare = [](launch::Spec& spec) { spec.argv = {"sleep", "100"}; };
  as.before_go = [](launch::Sandbox& sandbox) {
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!sandbox.go()) ::_exit(1);
    std::string exe;
    for (int i = 0; i < 1000 && exe.find("sleep") == std::string::npos; ++i) {
      const auto link = sys::readlinkat(AT_FDCWD, ("/proc/" + std::to_string(sandbox.agent_pid()) + "/exe").c_str());
      if (link) exe = *link;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!sys::pidfd_getfd(sandbox.agent_pidfd(), 1)) ::_exit(2);
    const auto maps = sys::read_file(AT_FDCWD, ("/proc/" + std::to_string(sandbox.agent_pid()) + "/maps").c_str());
    if (!maps) ::_exit(3);
    char byte[4];
    const iovec here{byte, sizeof byte};
    const iovec there{reinterpret_cast<void*>(std::stoul(*maps, nullptr, 16)), sizeof byte};
    if (::process_vm_readv(sandbox.agent_pid(), &here, 1, &there, 1, 0) != 4) ::_exit(4);
    const UniqueFd root(::open(("/proc/" + std::to_string(sandbox.agent_pid()) + "/root").c_str(), O_PATH | O_CLOEXEC));
    const auto a = sys::statx(root.get(), "");
    const auto b = sys::statx(sandbox.agent_root(), "");
    if (!a || !b || a->stx_mnt_id != b->stx_mnt_id) ::_exit(5);
    sandbox.kill();
    if (::kill(sandbox.agent_pid(), 0) == 0) ::_exit(6);
    ::_exit(77);
  };
  EXPECT_EQ(run_inside(world, "", as).supervisor, 77);
}

// ---- the supervisor is killed

enum class KilledAt { WhileStarting, BeforeGo, AfterGo };

// The agent would write to the pipe after a while; the pipe's end tells that nobody is left.
std::string kill_supervisor(const World& world, Who who, KilledAt at, int delay_us) {
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    become(who);
    ::close(out[0]);
    const auto filter = allow_all();
    launch::Spec spec;
    spec.layout = world.layout;
    spec.argv = {"sh", "-c", "echo begun; sleep 2; echo survived"};
    spec.environment = {"PATH=/usr/bin:/bin"};
    spec.cwd = world.project;
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    spec.stdio = {null, out[1], out[1]};
    spec.filter = filter;
    if (at == KilledAt::WhileStarting && ::write(out[1], ".", 1) != 1) ::_exit(1);
    auto sandbox = launch::Sandbox::start(spec);
    if (!sandbox) ::_exit(1);
    if (at == KilledAt::BeforeGo) {
      if (::write(out[1], ".", 1) != 1) ::_exit(1);
      ::pause();
    }
    if (!sandbox->go()) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(out[1]);
  std::string text;
  char byte;
  if (::read(out[0], &byte, 1) == 1) text.push_back(byte);  // begun, or the dot before
  ::usleep(static_cast<useconds_t>(delay_us));
  ::kill(child, SIGKILL);
  while (::read(out[0], &byte, 1) == 1) text.push_back(byte);
  ::waitpid(child, nullptr, 0);
  ::close(out[0]);
  return text;
}

TEST_P(FloorProcess, NothingSurvivesASupervisorThatIsKilled) {
  for (int delay = 0; delay <= 6000; delay += 250) {
    EXPECT_EQ(kill_supervisor(world, GetParam(), KilledAt::WhileStarting, delay).find("survived"), std::string::npos)
        << delay;
  }
  EXPECT_EQ(kill_supervisor(world, GetParam(), KilledAt::BeforeGo, 1000), ".");
  EXPECT_EQ(kill_supervisor(world, GetParam(), KilledAt::AfterGo, 1000), "begun\n");
}

}  // namespace
}  // namespace assent::floor_test
