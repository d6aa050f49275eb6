// What `assent run` gives back: the agent's own exit status, or why there is none (cli.md).
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class RunExitStatus : public AsEveryone {};

TEST_P(RunExitStatus, IsTheAgentsOwn) {
  World world(GetParam());
  for (const int status : {0, 1, 7, 77, 125, 126, 127, 255})
    EXPECT_EQ(world.shell_inside("exit " + std::to_string(status)).status, status);
}

TEST_P(RunExitStatus, Is128PlusTheSignalThatEndedTheAgent) {
  World world(GetParam());
  for (const int number : {SIGTERM, SIGKILL, SIGSEGV, SIGUSR1, SIGPIPE})
    EXPECT_EQ(world.shell_inside("kill -" + std::to_string(number) + " $$").status, 128 + number);
}

TEST_P(RunExitStatus, Is127WhereTheCommandIsMissing) {
  World world(GetParam());
  for (const char* command : {"no-such-command-anywhere", "./no-such-file", "/no/such/path"}) {
    const auto outcome = world.run_inside({command});
    EXPECT_EQ(outcome.status, 127) << command;
    EXPECT_NE(outcome.err.find("assent: cannot run"), std::string::npos) << outcome.err;
  }
}

TEST_P(RunExitStatus, Is126WhereTheCommandCannotBeExecuted) {
  World world(GetParam());
  put(world.project + "/plain.txt", "text\n");
  world.give();
  for (const char* command : {"./plain.txt", "./keep", "/etc/passwd"})
    EXPECT_EQ(world.run_inside({command}).status, 126) << command;
}

TEST_P(RunExitStatus, Is77OnlyWhereAskedForAndSomethingWasDenied) {
  World world(GetParam());
  const auto run = [&](const std::string& script, const std::vector<std::string>& options) {
    return world.run(world.inside({"sh", "-c", script}, options)).status;
  };
  EXPECT_EQ(run("rm -f victim1; true", {"--fail-on-denial"}), 77);
  EXPECT_EQ(run("rm -f victim1; true", {}), 0);
  EXPECT_EQ(run("rm -f victim1; exit 3", {"--fail-on-denial"}), 3);
  EXPECT_EQ(run("echo x >own; rm own", {"--fail-on-denial"}), 0);
}

TEST_P(RunExitStatus, Is125AndNothingRanWhereTheProfileIsBroken) {
  World world(GetParam());
  put(world.project + "/broken.toml",
      "version = 1\nname = \"broken\"\n\n[filesystem]\ngated = [\"${PROJECT}\"]\n\n[[file]]\nops = [\"erase\"]\npaths "
      "= [\"/**\"]\naction = \"allow\"\n");
  put(world.project + "/garbage.toml", "version = = 1\n");
  put(world.project + "/unknown.toml", "version = 1\nname = \"unknown\"\nfrobnicate = true\n");
  world.give();
  const std::map<std::string, std::string> places{
      {"broken", "broken.toml:8:"}, {"garbage", "garbage.toml:1:"}, {"unknown", "unknown.toml:3:"}};
  for (const auto& [file, place] : places) {
    const auto outcome = world.run(world.inside({"touch", "ran"}, {"-p", "./" + file + ".toml"}));
    EXPECT_EQ(outcome.status, 125) << file;
    EXPECT_NE(outcome.err.find(place), std::string::npos) << outcome.err;
    EXPECT_FALSE(there(world.project + "/ran"));
  }
  EXPECT_EQ(world.run(world.inside({"touch", "ran"}, {"-p", "no-such-profile"})).status, 125);
  EXPECT_FALSE(there(world.project + "/ran"));
}

TEST_P(RunExitStatus, Is125AndNothingRanWhereTheStateFolderCannotBeWritten) {
  World world(GetParam());
  world.state = world.home + "/.profile";  // a file: not even root can make a folder below it
  const auto outcome = world.run_inside({"touch", "ran"});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_NE(outcome.err.find("assent: cannot"), std::string::npos) << outcome.err;
  EXPECT_FALSE(there(world.project + "/ran"));
  if (GetParam() == Who::Ordinary) {
    world.state = "/proc/nothing";
    EXPECT_EQ(world.run_inside({"touch", "ran"}).status, 125);
    EXPECT_FALSE(there(world.project + "/ran"));
  }
}

TEST_P(RunExitStatus, Is2ForBadUsage) {
  World world(GetParam());
  EXPECT_EQ(world.assent({"run", "--no-such-option", "--", "true"}).status, 2);
  EXPECT_EQ(world.assent({"run", "--headless"}).status, 2);
  EXPECT_EQ(world.assent({"run", "--mode", "sideways", "true"}).status, 2);
  EXPECT_EQ(world.assent({"no-such-verb"}).status, 2);
}

INSTANTIATE_TEST_SUITE_P(Each, RunExitStatus, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
