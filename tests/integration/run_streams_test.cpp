// Standard streams and the environment behave as without assent.
#include <random>
#include <set>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

class RunStreams : public AsEveryone {};

TEST_P(RunStreams, CarryTenMegabytesUnchangedBothWays) {
  World world(GetParam());
  std::string bytes(10 << 20, '\0');
  std::mt19937 random(7);
  for (auto& byte : bytes) byte = static_cast<char>(random());
  Stdio stdio;
  stdio.in_text = bytes;
  const auto outcome = world.run(world.inside({"cat"}), stdio);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out == bytes) << outcome.out.size();
  EXPECT_EQ(outcome.err, "");
}

TEST_P(RunStreams, HoldOnlyWhatTheAgentPrinted) {
  World world(GetParam());
  const auto outcome = world.run(
      {"sh", "-c",
       assent_binary() + " run --headless -- sh -c 'echo out; echo err >&2; rm -f victim1' 2>/dev/null | cat"});
  if (outcome.out.empty()) GTEST_SKIP() << "the program lies where this user may not execute it";
  EXPECT_EQ(outcome.out, "out\n");
}

TEST_P(RunStreams, MayBeClosed) {
  World world(GetParam());
  Stdio stdio;
  stdio.close_in = true;
  auto outcome = world.run(world.inside({"sh", "-c", "echo still"}), stdio);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "still\n");
  stdio.close_out = true;
  outcome = world.run(world.inside({"sh", "-c", "echo made >own; exit 4"}), stdio);
  EXPECT_EQ(outcome.status, 4) << outcome.err;
  EXPECT_EQ(get(world.project + "/own"), "made\n");
}

TEST_P(RunStreams, EndWhenTheReaderGoes) {
  World world(GetParam());
  const auto outcome = world.run({"sh", "-c", "yes | head -c 100000 | wc -c"});
  const auto inside = world.shell_inside("yes | head -c 100000 | wc -c");
  EXPECT_EQ(outcome.out, inside.out);
}

TEST_P(RunStreams, ReachEveryDescriptorAndNoOther) {
  World world(GetParam());
  const auto outcome = world.shell_inside("ls /proc/self/fd | tr '\\n' ' '");
  EXPECT_EQ(outcome.out, "0 1 2 3 ") << "3 is the folder that ls reads";
}

TEST_P(RunStreams, EnvironmentInsideIsWhatTheProfilePasses) {
  World world(GetParam());
  world.extra_environment = {"AWS_SECRET_ACCESS_KEY=SECRET",
                             "GITHUB_TOKEN=SECRET",
                             "LD_PRELOAD=",
                             "SSH_AUTH_SOCK=/SECRET",
                             "LC_TIME=C",
                             "MINE=yes",
                             "OTHER=no"};
  const auto outcome = world.run(world.inside({"env"}, {"--env", "MINE", "--env", "SET=here"}));
  EXPECT_EQ(outcome.out.find("SECRET"), std::string::npos) << outcome.out;
  std::set<std::string> names;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) names.insert(line.substr(0, line.find('=')));
  for (const char* secret : {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "LD_PRELOAD", "SSH_AUTH_SOCK", "OTHER",
                             "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "GIT_AUTHOR_NAME"}) {
    EXPECT_FALSE(names.contains(secret)) << secret;
  }
  for (const char* passed :
       {"PATH", "HOME", "USER", "LC_ALL", "LC_TIME", "MINE", "SET", "ASSENT", "ASSENT_SESSION", "ASSENT_DENIALS"})
    EXPECT_TRUE(names.contains(passed)) << passed;
  EXPECT_NE(outcome.out.find("ASSENT=1\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("MINE=yes\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("SET=here\n"), std::string::npos);
}

TEST_P(RunStreams, WorkingFolderUmaskAndUserAreTheCallers) {
  World world(GetParam());
  world.cwd = world.project + "/keep";
  const std::string script = "pwd; umask; id -u; id -g; echo x >../made; stat -c %a ../made; ulimit -n";
  const auto without = world.shell(script);
  fs::remove(world.project + "/made");
  const auto inside = world.run(world.inside({"sh", "-c", script}, {"-C", world.project}));
  EXPECT_EQ(inside.out, without.out) << inside.err;
}

TEST_P(RunStreams, WhetherAFileMayBeWrittenIsToldAsWithoutAssent) {
  World world(GetParam());
  put(world.project + "/readonly", "x");
  ::chmod((world.project + "/readonly").c_str(), 0444);
  fs::create_symlink("victim1", world.project + "/link");
  fs::create_symlink("nowhere", world.project + "/dangling");
  world.give();
  const std::string script =
      "for f in victim1 keep keep/f readonly link dangling missing . victim; do test -w $f && echo w $f; test -r $f && "
      "echo r $f; test -x $f && echo x $f; done; echo x >own; test -w own && echo own; rm own; true";
  const auto without = world.shell(script);
  const auto inside = world.shell_inside(script);
  if (GetParam() == Who::Ordinary) {
    EXPECT_EQ(inside.out, without.out) << inside.err;
  }
  // Root without capabilities may write what it owns and has the bit for, as anybody else.
  EXPECT_NE(inside.out.find("w victim1\n"), std::string::npos) << inside.out;
  EXPECT_NE(inside.out.find("w link\n"), std::string::npos) << inside.out;
  EXPECT_NE(inside.out.find("own\n"), std::string::npos) << inside.out;
  EXPECT_EQ(inside.out.find("w readonly\n"), std::string::npos) << inside.out;
  const auto outside =
      world.shell_inside("test -w ~/Documents/letter.txt && echo writable; test -w /etc/passwd && echo writable; true");
  EXPECT_EQ(outside.out, "") << "outside the project nothing can be written unasked";
}

INSTANTIATE_TEST_SUITE_P(Each, RunStreams, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
