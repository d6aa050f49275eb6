// The vault in real sessions: other mounts, full disks, files too large, a supervisor that is killed, large copies. In
// every case what was there is in its place or in the vault, whole.
#include <sched.h>
#include <sys/mount.h>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

std::string leave_to(const std::string& paths, const std::string& more = "") {
  return "version = 1\nname = \"leave\"\nextends = [\"default\"]\n" + more +
         "[[file]]\nops = [\"create\", \"delete\", \"rename\", \"truncate\", \"modify\", \"metadata\"]\npaths = [" +
         paths + "]\naction = \"allow\"\n";
}

class VaultWorld : public World {
 public:
  explicit VaultWorld(Who who, const std::string& more = "") : World(who) {
    profile_file = root + "/leave.toml";
    put(profile_file, leave_to("\"${PROJECT}/**\"", more));
    give();
  }
  [[nodiscard]] std::string uid() const { return std::to_string(who == Who::Ordinary ? ordinary_uid() : ::geteuid()); }
};

// The whole content of every regular file below the folders, with how often it is there.
std::map<std::string, int> contents(const std::vector<std::string>& folders) {
  std::map<std::string, int> out;
  for (const auto& folder : folders) {
    std::error_code ignored;
    for (fs::recursive_directory_iterator at(folder, ignored), end; at != end; at.increment(ignored))
      if (at->is_regular_file(ignored) && !at->is_symlink(ignored)) ++out[get(at->path().string())];
  }
  return out;
}

// In a mount namespace of its own, as root.
void among_mounts(const std::function<void()>& body) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(98);
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "in the child, see above; status " << status;
}

class Tmpfs {  // gone at the end of its scope
 public:
  Tmpfs(const std::string& at, const std::string& options) : at_(at) {
    fs::create_directories(at);
    EXPECT_EQ(0, ::mount("tmpfs", at.c_str(), "tmpfs", 0, options.c_str())) << at;
  }
  ~Tmpfs() { ::umount2(at_.c_str(), MNT_DETACH); }
  Tmpfs(const Tmpfs&) = delete;
  Tmpfs& operator=(const Tmpfs&) = delete;

 private:
  std::string at_;
};

class RunVault : public AsEveryone {};

TEST_P(RunVault, AProjectThatIsAMountOfItsOwnKeepsInAHiddenFolderOfThatMount) {
  among_mounts([&] {
    VaultWorld world(GetParam());
    const Tmpfs mount(world.project, "size=16m,mode=0755");
    put(world.project + "/folder/precious", "bytes");
    world.give();
    struct stat before {};
    ASSERT_EQ(0, ::stat((world.project + "/folder/precious").c_str(), &before));
    const std::string store = world.project + "/.assent-" + world.uid();
    const auto outcome = world.shell_inside("rm -rf folder; ls -A .assent-*; echo x >" + store +
                                            "/forged; rm -rf .assent-*; mv .assent-" + world.uid() + " mine; true");
    EXPECT_FALSE(there(world.project + "/folder")) << outcome.err;
    ASSERT_TRUE(there(store)) << outcome.err;
    EXPECT_FALSE(there(store + "/forged"));
    std::string found;
    for (const auto& entry : fs::recursive_directory_iterator(store))
      if (entry.path().filename() == "precious") found = entry.path().string();
    struct stat after {};
    ASSERT_EQ(0, ::stat(found.c_str(), &after)) << outcome.err;
    EXPECT_EQ(after.st_ino, before.st_ino) << "it was copied, not moved";
    EXPECT_EQ(outcome.out.find(world.home), std::string::npos) << outcome.out;
    const auto second = world.shell_inside("find . -name precious; cat " + found);
    EXPECT_EQ(second.out, "") << "what is kept is seen inside";
  });
}

TEST_P(RunVault, AProjectBelowTheTopOfAMountKeepsAtItsTopOrBesideIt) {
  among_mounts([&] {
    VaultWorld world(GetParam());
    const Tmpfs mount(world.home + "/disk", "size=16m,mode=0755");
    world.project = world.home + "/disk/project";
    put(world.project + "/precious", "bytes");
    world.give();
    const std::string store = world.home + "/disk/.assent-" + world.uid();
    const auto outcome = world.shell_inside("rm precious; ls -A " + store + "; echo x >" + store + "/forged; true");
    EXPECT_FALSE(there(world.project + "/precious")) << outcome.err;
    EXPECT_EQ(contents({store}).count("bytes"), 1U) << outcome.err;
    EXPECT_FALSE(there(store + "/forged"));
    EXPECT_EQ(outcome.out, "") << "the store is seen inside";
  });
}

TEST_P(RunVault, AVictimOnAnotherMountIsCopied) {
  among_mounts([&] {
    VaultWorld world(GetParam());
    const std::string other = world.project + "/other";
    const Tmpfs mount(other, "size=16m,mode=0755");
    put(other + "/precious", "bytes on another mount");
    put(other + "/dir/deeper", "deeper bytes");
    ::mkfifo((other + "/pipe").c_str(), 0600);
    world.give();
    const auto outcome = world.shell_inside("rm -rf other/precious other/dir other/pipe; ls -A other");
    EXPECT_EQ(outcome.out, "") << outcome.err;
    const auto kept = contents({world.state + "/assent/vault"});
    EXPECT_EQ(kept.count("bytes on another mount"), 1U) << outcome.err;
    EXPECT_EQ(kept.count("deeper bytes"), 1U) << outcome.err;
  });
}

TEST_P(RunVault, AFullDiskMakesADenialNeverALoss) {
  among_mounts([&] {
    VaultWorld world(GetParam());
    const Tmpfs mount(world.home + "/disk", "size=12m,mode=0755");
    world.project = world.home + "/disk/project";
    world.state = world.home + "/disk/state";
    fs::create_directories(world.state);
    const std::string large(8 << 20, 'L');
    put(world.project + "/large", large);
    put(world.project + "/small", "small");
    world.give();
    const auto outcome =
        world.shell_inside("echo changed >>large; : >large; cat /dev/null >large; echo changed >small; rm large; true");
    EXPECT_NE(outcome.err.find("cannot be undone"), std::string::npos) << outcome.err;
    // Its content could not be copied; its name could be moved. Whatever happened: it is there, whole.
    EXPECT_EQ(contents({world.project, world.state + "/assent/vault"}).count(large), 1U) << outcome.err;
    EXPECT_EQ(contents({world.project, world.state + "/assent/vault"}).count("small"), 1U) << outcome.err;
  });
}

TEST_P(RunVault, ADiskWithoutOneFreeBlockLosesNothing) {
  among_mounts([&] {
    VaultWorld world(GetParam());
    const Tmpfs mount(world.home + "/disk", "size=4m,mode=0755");
    world.project = world.home + "/disk/project";
    for (int i = 0; i < 5; ++i) put(world.project + "/f" + std::to_string(i), "content " + std::to_string(i));
    world.give();
    // Its own vault is on the full mount too, for it is what the files would be renamed into.
    const std::string fill = "dd if=/dev/zero of=filler bs=4k count=3000 2>/dev/null; rm -f f?; true";
    const auto outcome = world.shell_inside(fill);
    const auto all = contents({world.project, world.home + "/disk/.assent-" + world.uid(), world.state});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(all.count("content " + std::to_string(i)), 1U) << i << outcome.err;
  });
}

TEST_P(RunVault, WhatIsLargerThanItsLimitIsDeniedWhereNobodyCanBeAsked) {
  VaultWorld world(GetParam(), "[vault]\nmax_file = \"64K\"\n");
  const std::string large(128 << 10, 'L');
  put(world.project + "/large", large);
  put(world.project + "/small", "small");
  world.give();
  const auto outcome = world.shell_inside("rm -f large; echo x >>large; mv victim1 large; rm -f small; true");
  EXPECT_EQ(get(world.project + "/large"), large) << outcome.err;
  EXPECT_TRUE(there(world.project + "/victim1")) << outcome.err;
  EXPECT_FALSE(there(world.project + "/small")) << outcome.err;
  EXPECT_NE(outcome.err.find("cannot be undone: the file is larger than vault.max_file"), std::string::npos)
      << outcome.err;
}

TEST_P(RunVault, AllThatItMayKeepIsLimited) {
  VaultWorld world(GetParam(), "[vault]\nmax_total = \"100K\"\n");
  for (const char* name : {"/a", "/b", "/c"}) put(world.project + name, std::string(48 << 10, name[1]));
  world.give();
  const auto outcome = world.shell_inside("rm -f a; rm -f b; rm -f c; true");
  EXPECT_TRUE(there(world.project + "/c")) << outcome.err;
  EXPECT_FALSE(there(world.project + "/a")) << outcome.err;
  EXPECT_NE(outcome.err.find("the vault is full"), std::string::npos) << outcome.err;
  EXPECT_EQ(contents({world.project, world.state}).count(std::string(48 << 10, 'b')), 1U);
}

TEST_P(RunVault, AFileThatItsOwnerMayOnlyWriteIsKeptAllTheSame) {
  VaultWorld world(GetParam());
  const std::string file = world.project + "/only-written";
  put(file, "as it was");
  world.give();
  ASSERT_EQ(0, ::chmod(file.c_str(), 0200));
  const auto outcome = world.shell_inside("echo more >>only-written");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_write);
  EXPECT_EQ(world.assent({"undo", "last"}).status, 0);
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_write);
  ::chmod(file.c_str(), 0600);
  EXPECT_EQ(get(file), "as it was");
}

TEST_P(RunVault, WithoutItChangesAskAsTheyDidBefore) {
  World world(GetParam());
  put(world.root + "/off.toml", "version = 1\nname = \"off\"\nextends = [\"default\"]\n[vault]\nkeep = false\n");
  world.profile_file = world.root + "/off.toml";
  world.give();
  const auto before = world.look();
  const auto outcome = world.shell_inside("echo x >>victim1; true");
  EXPECT_EQ(damage(before), "") << outcome.err;
  EXPECT_FALSE(there(world.state + "/assent/vault")) << "nothing is kept, so there is no vault";
}

TEST_P(RunVault, ASupervisorThatIsKilledInTheMiddleLosesNothing) {
  VaultWorld world(GetParam());
  constexpr int kFiles = 600;
  for (int i = 0; i < kFiles; ++i)
    put(world.project + "/tree/d" + std::to_string(i % 20) + "/f" + std::to_string(i), "content " + std::to_string(i));
  world.give();
  const std::string vault = world.state + "/assent/vault";
  // Killed when some are gone and some are not.
  const auto outcome = world.run(world.inside({"rm", "-rf", "tree"}), {}, [&](pid_t supervisor) {
    for (int i = 0; i < 20'000 && !there(vault); ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
    for (int i = 0; i < 20'000 && contents({vault}).size() < 40; ++i)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    ::kill(supervisor, SIGKILL);
  });
  EXPECT_EQ(outcome.status, 1000 + SIGKILL) << "it was over before: " << outcome.err;
  auto all = contents({world.project + "/tree", vault});
  for (int i = 0; i < kFiles; ++i) EXPECT_EQ(all["content " + std::to_string(i)], 1) << i;
  const auto next = world.shell_inside("true");
  EXPECT_NE(next.err.find("was killed: "), std::string::npos) << next.err;
  EXPECT_NE(next.err.find("whole in the vault"), std::string::npos) << next.err;
  all = contents({world.project + "/tree", vault});
  for (int i = 0; i < kFiles; ++i) EXPECT_EQ(all["content " + std::to_string(i)], 1) << i;
  EXPECT_EQ(world.shell_inside("true").err.find("was killed"), std::string::npos) << "it is said once";

  std::string killed;  // names with a dot are no transactions
  for (const auto& entry : fs::directory_iterator(vault)) {
    if (entry.path().filename().string().front() != '.') killed = entry.path().filename();
  }
  const auto undone = world.assent({"undo", killed});
  for (int i = 0; i < kFiles; ++i)
    EXPECT_EQ(get(world.project + "/tree/d" + std::to_string(i % 20) + "/f" + std::to_string(i)),
              "content " + std::to_string(i))
        << undone.out << undone.err;
}

TEST_P(RunVault, ACopyThatTakesLongHoldsUpNoOtherCall) {
  VaultWorld world(GetParam());
  {
    std::ofstream large(world.project + "/large", std::ios::binary);
    const std::string piece(1 << 20, 'x');
    for (int i = 0; i < 200; ++i) large << piece;
  }
  world.give();
  const auto outcome = world.shell_inside(
      "(echo more >>large; : >finished) & n=0; while [ ! -e finished ] && [ $n -lt 3000 ]; do : >own$n; n=$((n+1)); "
      "done; wait; echo count=$n");
  EXPECT_GE(number(outcome.out, "count"), 20) << outcome.out << outcome.err;
  EXPECT_EQ(fs::file_size(world.project + "/large"), (200U << 20) + 5);
  bool kept = false;
  for (const auto& entry : fs::recursive_directory_iterator(world.state + "/assent/vault"))
    kept |= entry.is_regular_file() && entry.file_size() == 200U << 20;
  EXPECT_TRUE(kept) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Each, RunVault, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
