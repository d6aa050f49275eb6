// What is hidden stays hidden, by every way of reading, also when the host's user replaces it while the agent watches.
#include <sched.h>
#include <sys/mount.h>

#include <atomic>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

constexpr const char* kWays[] = {"open",      "openat",     "openat2",    "openat2-beneath", "reopen",
                                 "mmap",      "link",       "rename",     "symlink",         "readlink",
                                 "magic-cwd", "magic-root", "magic-pid1", "open-creat",      "reopen-creat"};

class Hidden : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

struct Place {
  std::string file;
  explicit Place(const World& world) : file(world.project + "/service/.env") {
    put(file, "SECRET number 0\n");
    world.give();
  }
};

TEST_P(Hidden, StaysHiddenWhileTheHostReplacesIt) {
  const auto [way, who] = GetParam();
  World world(who);
  const Place place(world);
  // Outside the project, so that the only name of the new secret in it is the hidden one.
  const std::string fresh = world.root + "/new";
  int rounds = 0;
  const std::string spy = ": >started; exec ./victim spy " + std::string(way) + " service/.env 1.2";
  const auto outcome = world.run_inside({"sh", "-c", spy}, {}, [&](pid_t) {
    // While it starts, a mask that is taken away again ends it: the floor would not hold.
    for (int i = 0; i < 30'000 && !there(world.project + "/started"); ++i) ::usleep(1000);
    for (; rounds < 300; ++rounds) {
      put(fresh, "SECRET number " + std::to_string(rounds + 1) + "\n");
      if (who == Who::Ordinary && ::chown(fresh.c_str(), ordinary_uid(), ordinary_uid()) != 0) std::abort();
      if (rounds % 3 == 0) ::unlink(place.file.c_str());
      if (::rename(fresh.c_str(), place.file.c_str()) != 0) std::abort();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(number(outcome.out, "seen"), 0) << outcome.out << outcome.err;
  EXPECT_GT(number(outcome.out, "rounds"), 0) << outcome.out << outcome.err;
  EXPECT_EQ(get(place.file), "SECRET number 300\n") << "the hidden file itself was lost or changed";
}

INSTANTIATE_TEST_SUITE_P(Each, Hidden, ::testing::Combine(::testing::ValuesIn(kWays), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           std::string text =
                               std::string(std::get<0>(each.param)) + "_" + name(std::get<1>(each.param));
                           std::replace(text.begin(), text.end(), '-', '_');
                           return text;
                         });

class Secrets : public AsEveryone {};

TEST_P(Secrets, ABindMountedMaskAloneLetsTheNewFileThrough) {
  // The control of the tests above: the usual mask, and the same replacement.
  World world(GetParam());
  const Place place(world);
  std::atomic<bool> go = false;
  std::thread replacer([&] {
    while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    put(world.root + "/new", "SECRET replaced\n");
    ::chmod((world.root + "/new").c_str(), 0644);
    ::rename((world.root + "/new").c_str(), place.file.c_str());
  });
  const auto outcome = world.run(
      {"./victim", "spy", "open", "service/.env", "3"}, {},
      [&](pid_t) {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        go = true;
      },
      [&] {
        const uid_t uid = ::geteuid();
        const gid_t gid = ::getegid();
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(96);
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/uid_map") << uid << " " << uid << " 1";
        std::ofstream("/proc/self/gid_map") << gid << " " << gid << " 1";
        if (::mount("/dev/null", place.file.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(96);
      });
  replacer.join();
  EXPECT_EQ(number(outcome.out, "seen"), 1) << outcome.status << outcome.out << outcome.err;
}

TEST_P(Secrets, OfTheProjectAreNotReadByTools) {
  World world(GetParam());
  const Place place(world);
  ::chmod(place.file.c_str(), 0755);
  const std::string script =
      "cat service/.env; cp service/.env own-copy; cat own-copy; tar cf - service; grep -r SECRET .; ./service/.env; "
      "sh service/.env; dd if=service/.env status=none;"
      "head -c 100 <service/.env; cat service/*.env service/.e*; find . -name .env -exec cat {} +; mv service/.env "
      "own-moved; cat own-moved; mv service own-service; cat own-service/.env;"
      "ln service/.env own-link; cat own-link; cd service; cat .env; cat ./.env ../service/.env; exec 7<.env; cat <&7; "
      "cat /proc/self/fd/7 /dev/fd/7";
  const auto without = World(GetParam()).shell("mkdir service; echo SECRET >service/.env; " + script);
  ASSERT_NE(without.out.find("SECRET"), std::string::npos);
  const auto outcome = world.shell_inside(script);
  EXPECT_EQ(outcome.out.find("SECRET"), std::string::npos) << outcome.out;
  EXPECT_EQ(get(place.file), "SECRET number 0\n");
}

TEST_P(Secrets, OfTheHomeAreNotThere) {
  World world(GetParam());
  put(world.home + "/.netrc", "SECRET\n");
  put(world.home + "/.config/gh/hosts.yml", "SECRET\n");
  put(world.home + "/.aws/credentials", "SECRET\n");
  world.give();
  const std::string script =
      "cat ~/.ssh/id_ed25519 ~/.netrc ~/.config/gh/hosts.yml ~/.aws/credentials; ls -la ~/ ~/.config; grep -rs SECRET "
      "~/; cat /proc/1/root$HOME/.netrc; cd ~/.ssh && cat id_ed25519; "
      "cat ../.netrc ../.ssh/id_ed25519; cat /proc/self/cwd/../.netrc";
  ASSERT_NE(world.shell(script).out.find("SECRET"), std::string::npos);
  const auto outcome = world.shell_inside(script);
  EXPECT_EQ(outcome.out.find("SECRET"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find(".ssh"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find(".netrc"), std::string::npos) << outcome.out;
}

// The agent's view has no such name, but the host's side, where calls are carried out, has.
TEST_P(Secrets, OfTheHomeAreNotReadByACallThatTheGateCarriesOut) {
  World world(GetParam());
  const std::string file = world.home + "/.netrc";
  put(file, "SECRET\n");
  world.give();
  for (const char* way : {"open-creat", "openat2-creat", "open-both"}) {
    const auto control = world.run({"./victim", "spy", way, file, "0"});
    ASSERT_EQ(number(control.out, "seen"), 1) << way << control.out << control.err;
    const auto outcome = world.run_inside({"./victim", "spy", way, file, "0"});
    EXPECT_EQ(number(outcome.out, "rounds"), 1) << way << outcome.out << outcome.err;
    EXPECT_EQ(number(outcome.out, "seen"), 0) << way << outcome.out << outcome.err;
  }
  EXPECT_EQ(get(file), "SECRET\n");
  // The home lies in a private folder here. This one's folder is made anew without it, from a list of the host's.
  const std::vector<std::string> argv{"./victim", "spy", "open-creat-anything", "/etc/group", "0"};
  ASSERT_EQ(number(world.run(argv).out, "seen"), 1);
  const auto outcome = world.run(world.inside(argv, {"--hide", "/etc/group"}));
  EXPECT_EQ(number(outcome.out, "rounds"), 1) << outcome.out << outcome.err;
  EXPECT_EQ(number(outcome.out, "seen"), 0) << outcome.out << outcome.err;
}

TEST_P(Secrets, NewInTheHomeStayAbsentWhenTheHostMakesThem) {
  World world(GetParam());
  fs::remove_all(world.home + "/.ssh");
  const auto outcome = world.run_inside(
      {"sh", "-c",
       "echo ready; i=0; while [ $i -lt 60 ]; do cat ~/.ssh/id ~/.netrc 2>/dev/null; sleep 0.01; i=$((i+1)); done"},
      {}, [&](pid_t) {
        std::this_thread::sleep_for(std::chrono::milliseconds(250));
        put(world.home + "/.ssh/id", "SECRET\n");
        put(world.home + "/.netrc", "SECRET\n");
        world.give();
      });
  EXPECT_EQ(outcome.out, "ready\n");
}

INSTANTIATE_TEST_SUITE_P(Each, Secrets, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
