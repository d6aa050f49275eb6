// The supervisor dies, the disk is full: the agent ends, nothing foreign is lost, the record stays sound, and the next
// start repairs what was half done.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

class RunFailsClosed : public AsEveryone {};

std::vector<pid_t> victims_of(const World& world) {
  std::vector<pid_t> out;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code ignored;
    if (fs::read_symlink(entry.path() / "exe", ignored).string().rfind(world.project + "/victim", 0) == 0)
      out.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return out;
}

bool agent_ends(const World& world) {
  for (int i = 0; i < 250; ++i) {
    if (victims_of(world).empty()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

std::vector<std::string> left_of_ours(const World& world) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(world.project)) {
    if (entry.path().filename().string().rfind(".assent", 0) == 0) out.push_back(entry.path().string());
  }
  return out;
}

constexpr int kForeign = 40;

void furnish(const World& world) {
  for (int i = 0; i < kForeign; ++i)
    put(world.project + "/old/f" + std::to_string(i), "old " + std::to_string(i) + "\n");
  world.give();
}

std::vector<std::string> storm() {
  std::vector<std::string> out{"./victim", "process", "delete-storm"};
  for (int i = 0; i < kForeign; ++i) out.push_back("old/f" + std::to_string(i));
  return out;
}

// A profile under which what was there before may go: then foreign files pass through every step of an act.
std::string permissive(const World& world) {
  put(world.home + "/permissive.toml",
      "version = 1\nname = \"permissive\"\nextends = [\"default\"]\n\n[[file]]\nops = [\"delete\", \"rename\", "
      "\"truncate\", \"modify\", \"create\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n");
  world.give();
  return world.home + "/permissive.toml";
}

// Thousands of own acts, until the record has no room left; then an attempt at what the profile would let go.
const std::vector<std::string> fill_the_record{"sh", "-c", "./victim process storm 1500 1; rm -rf old; echo end"};

// After a session that was cut off: says so, and the next one puts everything right.
void expect_repaired(const World& world) {
  EXPECT_TRUE(agent_ends(world)) << "the agent outlived its supervisor";
  EXPECT_EQ(world.run_inside({"true"}).status, 0);
  EXPECT_TRUE(left_of_ours(world).empty()) << left_of_ours(world).front();
  const auto sessions = world.assent({"sessions"});
  EXPECT_NE(sessions.out.find("crashed"), std::string::npos) << sessions.out;
  for (const auto& entry : fs::directory_iterator(world.state + "/assent/sessions")) {
    const auto verified = world.assent({"verify", entry.path().filename().string()});
    EXPECT_EQ(verified.status, 0) << entry.path() << verified.out << verified.err;
  }
}

TEST_P(RunFailsClosed, KilledAtAnyMomentLosesNothingForeign) {
  for (int i = 0; i < 8; ++i) {
    World world(GetParam());
    furnish(world);
    const auto before = world.look();
    const auto outcome = world.run(world.inside(storm()), {}, [&](pid_t supervisor) {
      std::this_thread::sleep_for(std::chrono::milliseconds(60 + 37 * i));
      ::kill(supervisor, SIGKILL);
    });
    EXPECT_EQ(outcome.status, 1000 + SIGKILL);
    EXPECT_TRUE(agent_ends(world)) << "the agent outlived its supervisor";
    EXPECT_EQ(damage(before), "");
    EXPECT_EQ(world.run_inside({"true"}).status, 0);
    EXPECT_EQ(damage(before), "");
    expect_repaired(world);
  }
}

TEST_P(RunFailsClosed, KilledBetweenTwoStepsLeavesNothingHalfDone) {
  if (::system("command -v strace >/dev/null 2>&1") != 0) GTEST_SKIP() << "strace is not here";
  // strace ends the supervisor at the n-th call of one name; its threads and the agent are not traced.
  const std::vector<std::string> calls{"renameat2", "unlinkat",    "write",           "pwrite64", "writev",
                                       "ioctl",     "openat",      "openat2",         "statx",    "fdatasync",
                                       "linkat",    "pidfd_getfd", "process_vm_readv"};
  int cut = 0;
  for (const auto& call : calls) {
    for (const int n : {1, 2, 3, 5, 12, 41, 150}) {
      World world(GetParam());
      furnish(world);
      const std::string profile = permissive(world);
      const auto before = world.look();
      std::vector<std::string> argv{"strace",
                                    "-o",
                                    "/dev/null",
                                    "-e",
                                    "trace=" + call,
                                    "-e",
                                    "inject=" + call + ":signal=SIGKILL:when=" + std::to_string(n)};
      // Not every foreign file may go: those of keep/ are named by nobody.
      for (const auto& word : world.inside({"sh", "-c",
                                            "for i in 0 1 2 3 4 5 6 7 8 9; do mv old/f$i old/g$i; echo new >own; mv "
                                            "own old/f1$i; rm old/f2$i; ln old/f3$i own; echo x >>own; rm own; done"},
                                           {"-p", profile}))
        argv.push_back(word);
      const auto outcome = world.run(argv);
      if (outcome.status == 0) continue;  // never came to that many
      ++cut;
      world.run_inside({"true"});
      EXPECT_TRUE(left_of_ours(world).empty()) << call << " " << n << ": " << left_of_ours(world).front();
      // Every old content is somewhere: under its old name or its new one, or removed by an act that the record holds.
      const auto log = [&] {
        std::string all;
        for (const auto& entry : fs::directory_iterator(world.state + "/assent/sessions"))
          all += world.assent({"log", "--json", entry.path().filename().string()}).out;
        return all;
      }();
      for (int i = 0; i < 10; ++i) {
        const std::string number = std::to_string(i);
        const bool moved = get(world.project + "/old/g" + number) == "old " + number + "\n",
                   stayed = get(world.project + "/old/f" + number) == "old " + number + "\n";
        EXPECT_TRUE(moved != stayed) << call << " " << n << ": old/f" << number
                                     << (moved ? " is there twice" : " is lost");
        for (const char* gone : {"/old/f1", "/old/f2"}) {
          const std::string file = std::string(gone) + number;
          if (get(world.project + file) == "old " + file.substr(6) + "\n") continue;
          EXPECT_NE(log.find(file.substr(1)), std::string::npos)
              << call << " " << n << ": " << file << " went without a record";
        }
        EXPECT_TRUE(there(world.project + "/old/f1" + number)) << call << " " << n << ": a replaced name is empty";
      }
      for (const char* kept : {"/keep/f", "/keep/g", "/victim1"})
        EXPECT_EQ(before.at(world.project + kept), fingerprint_of(world.project + kept)) << call << " " << n;
      for (const auto& entry : fs::directory_iterator(world.state + "/assent/sessions")) {
        const auto verified = world.assent({"verify", entry.path().filename().string()});
        EXPECT_EQ(verified.status, 0) << call << " " << n << ": " << entry.path() << verified.out << verified.err;
      }
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(cut, 20) << "the supervisor was hardly ever cut off";
}

TEST_P(RunFailsClosed, AFullDiskForTheRecordDeniesAndLosesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a small disk";
  World world(GetParam());
  furnish(world);
  const std::string profile = permissive(world);
  fs::create_directories(world.state + "/assent");
  world.give();
  // A file system of its own in a mount namespace of its own; the child is root there before it becomes the user.
  const auto on_small_disk = [&](const std::vector<std::string>& argv, const char* size) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(90);
      const uid_t uid = GetParam() == Who::Ordinary ? ordinary_uid() : 0;
      const std::string options =
          std::string("mode=0700,size=") + size + ",uid=" + std::to_string(uid) + ",gid=" + std::to_string(uid);
      if (::mount("tmpfs", (world.state + "/assent").c_str(), "tmpfs", 0, options.c_str()) != 0) ::_exit(91);
      const auto outcome = world.run(argv);
      std::ofstream(world.root + "/run/told") << outcome.status << "\n" << outcome.err << outcome.out;
      ::_exit(::testing::Test::HasFailure() ? 92 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return get(world.root + "/run/told");
  };
  const auto before = world.look();
  // Room for a start and for some records, then none.
  const auto told = on_small_disk(world.inside(fill_the_record, {"-p", profile}), "2m");
  EXPECT_GT(number(told, "wrong"), 0) << "the disk was never full: " << told.substr(0, 1500);
  EXPECT_LT(number(told, "wrong"), 7 * 1500) << "the disk was full from the start: " << told.substr(0, 1500);
  EXPECT_EQ(damage(before), "") << told.substr(0, 1500);
  EXPECT_NE(told.find("assent: cannot"), std::string::npos) << told.substr(0, 1500);
  EXPECT_NE(told.find("ENOSPC"), std::string::npos) << told.substr(0, 1500);
  // No room even for the start: nothing runs.
  const auto refused = on_small_disk(world.inside({"sh", "-c", "echo ran; touch ran"}, {"-p", profile}), "4k");
  EXPECT_EQ(refused.substr(0, 4), "125\n") << refused;
  EXPECT_FALSE(there(world.project + "/ran"));
  // The control: with a disk that is large enough, the same profile lets all of them go.
  EXPECT_EQ(world.run(world.inside({"rm", "-rf", "old"}, {"-p", profile})).status, 0);
  EXPECT_NE(damage(before), "");
}

TEST_P(RunFailsClosed, ALimitOnTheSizeOfFilesDeniesAndLosesNothing) {
  World world(GetParam());
  furnish(world);
  const std::string profile = permissive(world);
  const auto before = world.look();
  const auto outcome = world.run(
      world.inside(fill_the_record, {"-p", profile}), {}, [](pid_t) {},
      [] {
        const rlimit limit{1'500'000, 1'500'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      });
  EXPECT_EQ(damage(before), "") << outcome.err.substr(0, 1500);
  EXPECT_GT(number(outcome.out, "wrong"), 0) << outcome.err.substr(0, 1500);
  EXPECT_LT(number(outcome.out, "wrong"), 7 * 1500) << outcome.err.substr(0, 1500);
  EXPECT_NE(outcome.err.find("assent: cannot"), std::string::npos) << outcome.err.substr(0, 1500);
}

TEST_P(RunFailsClosed, ASignalToTheSupervisorReachesTheAgent) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    World world(GetParam());
    const auto outcome = world.run(
        world.inside({"sh", "-c", "trap 'echo got; exit 9' TERM INT HUP; echo ready; while :; do sleep 0.02; done"}),
        {}, [&](pid_t supervisor) {
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          ::kill(supervisor, number);
        });
    EXPECT_EQ(outcome.status, 9) << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out, "ready\ngot\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Each, RunFailsClosed, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
