// What the agent sees and what it cannot change, with the floor alone.
#include "integration/floor_support.h"

namespace assent::floor_test {
namespace {

class FloorView : public testing::TestWithParam<Who> {
 protected:
  World world{GetParam()};
  Stay as{.who = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, FloorView, testing::ValuesIn(everyone()), [](const auto& who) { return name(who.param); });

TEST_P(FloorView, TheProgramRunsAndItsExitStatusArrives) {
  const Outcome outcome = run_inside(world, "echo hello; exit 7", as);
  EXPECT_EQ(outcome.status, 7) << outcome.error;
  EXPECT_EQ(outcome.out, "hello\n");
}

TEST_P(FloorView, TheProjectCanBeReadAndNotChanged) {
  const Outcome outcome =
      run_inside(world,
                 "cat file.txt; echo x > file.txt; echo x > new; rm file.txt; mkdir d; mv file.txt f2; "
                 "ln file.txt f3; chmod 777 file.txt; touch file.txt; truncate -s 0 file.txt; "
                 "rmdir src; ln -s a b; mkfifo p; true",
                 as);
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.out.substr(0, 8), "project\n");
  EXPECT_EQ(get(world.project + "/file.txt"), "project\n");
  std::size_t names = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(world.project)) ++names;
  EXPECT_EQ(names, 3U);
}

TEST_P(FloorView, TheRestOfTheMachineIsReadOnly) {
  const Outcome outcome =
      run_inside(world,
                 "for d in / /etc /usr /var /opt /root \"$HOME\" /home /sys /proc /dev /var/tmp; do "
                 "  if (: > $d/assent-test) 2>/dev/null; then echo wrote $d; fi; done",
                 as);
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.out, "");
}

TEST_P(FloorView, KernelKnobsCannotBeTurned) {
  const Outcome outcome =
      run_inside(world,
                 "for f in /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /proc/sysrq-trigger "
                 "/proc/self/oom_score_adj /proc/sys/vm/drop_caches; do "
                 "  if (echo 0 > $f) 2>/dev/null; then echo wrote $f; fi; done",
                 as);
  EXPECT_EQ(outcome.out, "") << outcome.error;
}

TEST_P(FloorView, PrivateFoldersAreEmptyWritableAndGoneAtTheEnd) {
  put("/tmp/assent-floor-outside", "outside");
  const Outcome outcome = run_inside(world,
                                     "test ! -e /tmp/assent-floor-outside && echo one > /tmp/x && mkdir /tmp/d && "
                                     "mv /tmp/x /tmp/d/y && cat /tmp/d/y && rm -r /tmp/d && echo s > /dev/shm/s && "
                                     "touch /tmp/assent-floor-trace && stat -c %a /tmp",
                                     as);
  ::unlink("/tmp/assent-floor-outside");
  EXPECT_EQ(outcome.status, 0) << outcome.error << outcome.out;
  EXPECT_EQ(outcome.out, "one\n1777\n");
  EXPECT_NE(::access("/tmp/assent-floor-trace", F_OK), 0);
}

TEST_P(FloorView, FreeFoldersAreTheRealOnes) {
  const Outcome outcome = run_inside(world, "cat \"$HOME/cache/file\" && echo new > \"$HOME/cache/file\"", as);
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(get(world.home + "/cache/file"), "new\n");
}

TEST_P(FloorView, AProjectInsideAPrivateFolderStaysInItsPlace) {
  char name[] = "/tmp/assent-floor-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string folder = name;
  put(folder + "/deep/project/file", "here\n");
  ::chmod(name, 0755);
  world.layout.project = folder + "/deep/project";
  world.layout.gated = {world.layout.project};
  as.prepare = [&](launch::Spec& spec) { spec.cwd = folder + "/deep/project"; };
  const Outcome outcome = run_inside(world, "cat file; pwd; (echo x > file) 2>/dev/null; touch /tmp/ok && ls /tmp", as);
  std::filesystem::remove_all(folder);
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.out, "here\n" + folder + "/deep/project\n" + folder.substr(5) + "\nok\n");
}

TEST_P(FloorView, HiddenNamesAreAbsentAndTheirNeighboursAreThere) {
  const Outcome outcome = run_inside(world,
                                     "ls -A \"$HOME\" | sort; ls \"$HOME/.config\"; cat \"$HOME/.profile\" "
                                     "\"$HOME/.config/other/file\"; cat \"$HOME/.netrc\" 2>&1",
                                     as);
  EXPECT_EQ(outcome.out, ".config\n.profile\ncache\nproject\nother\nprofile\nplain\ncat: " + world.home +
                             "/.netrc: No such file or directory\n")
      << outcome.error;
}

TEST_P(FloorView, HiddenNamesOutsideTheHomeAreAbsent) {
  put(world.root + "/etc/foo/secret", "s");
  put(world.root + "/etc/foo/plain", "p");
  world.layout.hidden.push_back(world.root + "/etc/foo/secret");
  const Outcome outcome = run_inside(world, "ls \"$HOME/../etc/foo\"", as);
  EXPECT_EQ(outcome.out, "plain\n") << outcome.error;
}

// The host's user replaces a hidden file by a rename while the agent lives, as every editor does.
TEST_P(FloorView, HiddenNamesStayAbsentWhenTheHostReplacesThem) {
  as.before_go = [&](launch::Sandbox&) {
    put(world.home + "/.netrc.new", "new password\n");
    std::filesystem::rename(world.home + "/.netrc.new", world.home + "/.netrc");
    std::filesystem::rename(world.home + "/.ssh", world.home + "/.ssh.old");
    put(world.home + "/.ssh/id", "new key\n");
    std::filesystem::rename(world.home + "/.config", world.home + "/.config.old");
    put(world.home + "/.config/gh/hosts", "new token\n");
    put(world.home + "/.never-there", "late\n");
  };
  const Outcome outcome = run_inside(
      world, "cd \"$HOME\"; cat .netrc .ssh/id .ssh.old/id .config/gh/hosts .never-there 2>/dev/null; ls -A", as);
  EXPECT_EQ(outcome.out, ".config\n.profile\ncache\nproject\n") << outcome.error;
}

// The control: a mask over a hidden file is torn off by the very same rename. This is why homes are built from a list.
TEST_P(FloorView, ControlAMaskIsTornOffByARename) {
  world.layout.masked = {world.project + "/.env"};
  as.before_go = [&](launch::Sandbox&) {
    put(world.project + "/.env.new", "SECRET=2\n");
    std::filesystem::rename(world.project + "/.env.new", world.project + "/.env");
  };
  const Outcome outcome = run_inside(world, "cat .env", as);
  EXPECT_EQ(outcome.out, "SECRET=2\n") << outcome.error;
}

TEST_P(FloorView, MaskedFilesAreEmptyAndFoldersToo) {
  world.layout.masked = {world.project + "/.env", world.project + "/src"};
  const Outcome outcome = run_inside(
      world, "cat .env; ls -A src; test -f .env && test -d src && echo there; (echo x > .env) 2>/dev/null || echo no",
      as);
  EXPECT_EQ(outcome.out, "there\nno\n") << outcome.error;
  EXPECT_EQ(get(world.project + "/.env"), "SECRET=1\n");
}

TEST_P(FloorView, BehindTheReadGateAReplacedMaskedFileStaysUnreadable) {
  world.layout.masked = {world.project + "/.env"};
  world.layout.read_gate = launch::ReadGate::Gated;
  as.before_go = [&](launch::Sandbox& sandbox) {
    if (!sandbox.floor().facts().reads_gated) std::abort();
    put(world.project + "/.env.new", "SECRET=2\n");
    std::filesystem::rename(world.project + "/.env.new", world.project + "/.env");
  };
  const Outcome outcome = run_inside(world, "cat .env 2>/dev/null || echo refused; cat file.txt src/main.c; ls", as);
  EXPECT_EQ(outcome.out, "refused\nproject\nint main() {}\nfile.txt\nsrc\n") << outcome.error;
}

TEST_P(FloorView, BehindTheReadGateProgramsOfTheProjectStillRun) {
  put(world.project + "/tool", "#!/bin/sh\necho tool\n");
  ::chmod((world.project + "/tool").c_str(), 0755);
  world.layout.masked = {world.project + "/.env"};
  world.layout.read_gate = launch::ReadGate::Gated;
  const Outcome outcome = run_inside(world, "./tool", as);
  EXPECT_EQ(outcome.out, "tool\n") << outcome.error;
}

TEST_P(FloorView, AHiddenNameInsideAFreeFolderIsRefused) {
  world.layout.hidden.push_back(world.home + "/cache/secret");
  const Outcome outcome = run_inside(world, "true", as);
  EXPECT_EQ(outcome.status, 2000);
  EXPECT_NE(outcome.error.find("free folder"), std::string::npos) << outcome.error;
}

TEST_P(FloorView, ExtraFilesStandWhereTheyWereAskedFor) {
  put(world.root + "/denials", "denied\n");
  world.layout.extra = {{world.root + "/denials", "/run/assent/denials.jsonl"}};
  const Outcome outcome = run_inside(
      world, "cat /run/assent/denials.jsonl; (echo x >> /run/assent/denials.jsonl) 2>/dev/null || echo no", as);
  EXPECT_EQ(outcome.out, "denied\nno\n") << outcome.error;
}

TEST_P(FloorView, TheRuntimeFolderExistsAndIsEmpty) {
  as.prepare = [](launch::Spec& spec) { spec.environment.push_back("XDG_RUNTIME_DIR=/run/user/4711"); };
  const Outcome outcome =
      run_inside(world, "stat -c %a $XDG_RUNTIME_DIR; ls -A $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/x && echo ok", as);
  EXPECT_EQ(outcome.out, "700\nok\n") << outcome.error;
}

TEST_P(FloorView, DevicesWork) {
  const Outcome outcome =
      run_inside(world,
                 "echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c && "
                 "(echo x > /dev/full) 2>/dev/null || echo full; echo err > /dev/stderr; "
                 "echo fd > /dev/fd/1; ls /dev/pts; test -c /dev/ptmx -a -c /dev/tty && echo chars; ls /dev",
                 as);
  EXPECT_EQ(outcome.out,
            "3\n4\nfull\nerr\nfd\nptmx\nchars\nfd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nuran"
            "dom\nzero\n")
      << outcome.error;
}

TEST_P(FloorView, APseudoTerminalCanBeMadeInside) {
  const Outcome outcome = run_inside(world, "script -qec 'tty' /dev/null", as);
  EXPECT_EQ(outcome.out, "/dev/pts/0\r\n") << outcome.error;
}

TEST_P(FloorView, TheWorkingFolderIsTheOneAskedFor) {
  as.prepare = [&](launch::Spec& spec) { spec.cwd = world.project + "/src"; };
  EXPECT_EQ(run_inside(world, "pwd; ls", as).out, world.project + "/src\nmain.c\n");
}

TEST_P(FloorView, AFolderAsStandardInputIsRefused) {
  as.prepare = [&](launch::Spec& spec) {
    spec.stdio[0] = ::open(world.project.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  };
  const Outcome outcome = run_inside(world, "true", as);
  EXPECT_EQ(outcome.status, 2000);
  EXPECT_NE(outcome.error.find("EISDIR"), std::string::npos) << outcome.error;
}

// Standard input is a file on the host's own, writable mount: the read-only view does not cover it.
TEST_P(FloorView, AFileGivenAsStandardInputCannotBeOpenedAnewForWriting) {
  as.prepare = [&](launch::Spec& spec) {
    spec.stdio[0] = ::open((world.project + "/file.txt").c_str(), O_RDONLY | O_CLOEXEC);
  };
  const Outcome outcome = run_inside(
      world, "(echo x > /proc/self/fd/0) 2>/dev/null || echo no; (echo x > /dev/stdin) 2>/dev/null || echo no", as);
  EXPECT_EQ(outcome.out, "no\nno\n") << outcome.error;
  EXPECT_EQ(get(world.project + "/file.txt"), "project\n");
}

TEST_P(FloorView, ZonesAreToldByMountId) {
  world.layout.masked = {world.project + "/.env"};
  const auto zone = [](launch::Sandbox& sandbox, const std::string& path) {
    const UniqueFd fd(
        ::openat(sandbox.agent_root(), path == "/" ? "." : path.c_str() + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct statx seen {};
    if (::statx(fd.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &seen) != 0) return std::string("unreachable");
    const auto* entry = sandbox.mounts().find(seen.stx_mnt_id);
    const std::string kind = entry == nullptr                             ? ""
                             : entry->kind == launch::MountKind::Skeleton ? " skeleton"
                             : entry->kind == launch::MountKind::Mask     ? " mask"
                                                                          : "";
    switch (sandbox.mounts().zone(seen.stx_mnt_id, fd.get())) {
      case Zone::Gated:
        return "gated" + kind;
      case Zone::Read:
        return "read" + kind;
      case Zone::Free:
        return "free" + kind;
      case Zone::Private:
        return "private" + kind;
      case Zone::Kernel:
        return "kernel" + kind;
    }
    return std::string("?");
  };
  as.before_go = [&](launch::Sandbox& sandbox) {
    const std::vector<std::pair<std::string, std::string>> expected{{"/", "read"},
                                                                    {"/etc/passwd", "read"},
                                                                    {"/usr", "read"},
                                                                    {world.home, "read skeleton"},
                                                                    {world.home + "/.config", "read skeleton"},
                                                                    {world.home + "/.profile", "read"},
                                                                    {world.project, "gated"},
                                                                    {world.project + "/src/main.c", "gated"},
                                                                    {world.project + "/.env", "read mask"},
                                                                    {world.home + "/cache/file", "free"},
                                                                    {"/tmp", "private"},
                                                                    {"/dev/shm", "private"},
                                                                    {"/run", "private"},
                                                                    {"/dev", "kernel"},
                                                                    {"/dev/null", "kernel"},
                                                                    {"/dev/pts/ptmx", "kernel"},
                                                                    {"/proc/self", "kernel"},
                                                                    {"/proc/sys/kernel", "kernel"},
                                                                    {"/sys", "kernel"},
                                                                    {"/sys/kernel", "kernel"},
                                                                    {"/sys/fs/cgroup", "kernel"}};
    for (const auto& [path, zone_name] : expected) {
      // cgroup v1 hosts mount a tmpfs at /sys/fs/cgroup
      if (path == "/sys/fs/cgroup" && zone(sandbox, path) == "read") continue;
      if (zone(sandbox, path) != zone_name) {
        std::fprintf(stderr, "%s is %s, not %s\n", path.c_str(), zone(sandbox, path).c_str(), zone_name.c_str());
        std::abort();
      }
    }
  };
  EXPECT_EQ(run_inside(world, "true", as).status, 0);
}

}  // namespace
}  // namespace assent::floor_test
