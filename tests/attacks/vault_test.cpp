// What was deleted with leave, and kept, is out of reach: of descriptors from before, of the vault's own names. Each
// control, the same program without assent, changes what it held.
#include <sys/mount.h>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

constexpr const char* kPrecious = "precious bytes, kept before the agent deleted them\n";

// A world in which the agent may delete and change what it likes in the project, so that only the vault stands behind.
class VaultWorld : public World {
 public:
  explicit VaultWorld(Who who) : World(who) {
    put(root + "/leave.toml",
        "version = 1\nname = \"leave\"\nextends = [\"default\"]\n[[file]]\nops = [\"create\", \"delete\", \"rename\", "
        "\"truncate\", \"modify\", \"metadata\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n");
    put(project + "/folder/precious", kPrecious);
    give();
  }
  Outcome with_leave(const std::vector<std::string>& argv) const {
    return run(inside(argv, {"-p", root + "/leave.toml"}));
  }
  // The objects that the vault holds, by the name they had.
  [[nodiscard]] std::vector<std::string> kept(const std::string& name) const {
    std::vector<std::string> out;
    if (!there(state + "/assent/vault")) return out;
    for (const auto& entry : fs::recursive_directory_iterator(state + "/assent/vault"))
      if (entry.path().filename() == name) out.push_back(entry.path().string());
    return out;
  }
};

class Vault : public ::testing::TestWithParam<std::tuple<const char*, Who>> {};

TEST_P(Vault, KeepsWhatWasDeletedFromADescriptorOfBefore) {
  const auto [how, who] = GetParam();
  {
    VaultWorld control(who);
    // A second name, made by the test, shows what the attack does to the object itself.
    fs::create_hard_link(control.project + "/folder/precious", control.root + "/witness");
    const auto before = fingerprint_of(control.root + "/witness");
    const auto outcome = control.run({"./victim", "vault", how, control.project + "/folder/precious"});
    EXPECT_EQ(said(outcome.out, "delete"), "ok") << outcome.out;
    EXPECT_NE(fingerprint_of(control.root + "/witness"), before)
        << "the control did no damage: this test proves nothing\n"
        << outcome.out;
  }
  VaultWorld world(who);
  struct stat before {};
  ASSERT_EQ(0, ::lstat((world.project + "/folder/precious").c_str(), &before));
  const auto outcome = world.with_leave({"./victim", "vault", how, world.project + "/folder/precious"});
  EXPECT_EQ(said(outcome.out, "delete"), "ok") << outcome.out << outcome.err;
  const auto kept = world.kept("precious");
  ASSERT_EQ(kept.size(), 1U) << outcome.out << outcome.err;
  EXPECT_EQ(get(kept[0]), kPrecious) << outcome.out;
  struct stat after {};
  ASSERT_EQ(0, ::lstat(kept[0].c_str(), &after));
  EXPECT_EQ(after.st_ino, before.st_ino) << "it was copied, not moved";
  EXPECT_EQ(after.st_mode, before.st_mode) << outcome.out;
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec) << outcome.out;
  EXPECT_EQ(after.st_nlink, 1U) << outcome.out;
  EXPECT_LT(::lgetxattr(kept[0].c_str(), "user.attack", nullptr, 0), 0) << outcome.out;
  for (const char* call : {"reopen-write", "reopen-rdwr", "reopen-append", "reopen-trunc", "truncate", "chmod", "link"})
    EXPECT_NE(said(outcome.out, call), "ok") << call << "\n" << outcome.out;
  EXPECT_FALSE(there(world.project + "/back"));
}

INSTANTIATE_TEST_SUITE_P(
    Each, Vault, ::testing::Combine(::testing::Values("readonly", "path", "folder"), ::testing::ValuesIn(everyone())),
    [](const auto& each) { return std::string(std::get<0>(each.param)) + "_" + name(std::get<1>(each.param)); });

class VaultAsEveryone : public AsEveryone {};

// What a descriptor for writing can still do to the object is noticed, and the content from before the agent ever had
// that descriptor is in the vault as a copy of its own.
TEST_P(VaultAsEveryone, KeepsTheContentFromBeforeAWritableDescriptorOrMapping) {
  for (const char* how : {"writable", "mapped"}) {
    VaultWorld world(GetParam());
    const auto outcome = world.with_leave({"./victim", "vault", how, world.project + "/folder/precious"});
    EXPECT_EQ(said(outcome.out, "delete"), "ok") << outcome.out << outcome.err;
    const auto copies = world.kept("1");
    ASSERT_EQ(copies.size(), 1U) << how << outcome.out;
    EXPECT_EQ(get(copies[0]), kPrecious);
    const auto manifests = world.kept("manifest");
    ASSERT_EQ(manifests.size(), 1U);
    EXPECT_NE(get(manifests[0]).find(" written=1"), std::string::npos) << "the vault did not notice";
    // Reopening it, or changing it otherwise, is over all the same.
    EXPECT_EQ(said(outcome.out, "reopen-write"), "EPERM") << outcome.out;
    EXPECT_EQ(said(outcome.out, "truncate"), "EPERM") << outcome.out;
    EXPECT_EQ(said(outcome.out, "fchmod"), "EPERM") << outcome.out;
    EXPECT_EQ(said(outcome.out, "link"), "EPERM") << outcome.out;
  }
}

// One of two names is deleted; the other one leads to the same object. Its content is copied before it is changed.
TEST_P(VaultAsEveryone, CopiesTheContentOfAKeptObjectThatHasAnotherName) {
  VaultWorld world(GetParam());
  const auto outcome = world.with_leave({"./victim", "vault", "link", world.project + "/folder/precious"});
  ASSERT_EQ(said(outcome.out, "second-name"), "ok") << "there is nothing to attack\n" << outcome.out << outcome.err;
  ASSERT_EQ(said(outcome.out, "delete"), "ok") << outcome.out << outcome.err;
  ASSERT_EQ(said(outcome.out, "second"), "ok") << "the attack did no damage: this test proves nothing\n" << outcome.out;
  EXPECT_EQ(get(world.project + "/second").substr(0, 6), "ATTACK");
  const auto copies = world.kept("1");
  ASSERT_EQ(copies.size(), 1U) << outcome.out;
  EXPECT_EQ(get(copies[0]), kPrecious);
}

TEST_P(VaultAsEveryone, IsNotSeenAndNotChangedInside) {
  VaultWorld world(GetParam());
  world.with_leave({"rm", "-rf", "folder"});
  const auto kept = world.kept("precious");
  ASSERT_EQ(kept.size(), 1U);
  const std::string vault = world.state + "/assent/vault";
  const auto before = fingerprints(vault);
  const std::string script = "cat " + kept[0] + "; ls -laR " + world.state + "/assent; echo x >>" + kept[0] +
                             "; echo x >" + vault + "/new; rm -rf " + vault + "; mv " + vault + " " + world.project +
                             "/mine; chmod 777 " + kept[0] + "; ln " + kept[0] + " mine; mkdir -p " + vault +
                             "/s/L0; true";
  const auto outcome = world.with_leave({"sh", "-c", script});
  EXPECT_EQ(outcome.out.find("precious"), std::string::npos) << outcome.out;
  EXPECT_EQ(damage(before), "") << outcome.err;
  EXPECT_FALSE(there(vault + "/new"));
  EXPECT_FALSE(there(world.project + "/mine"));
  world.shell(script);
  EXPECT_NE(damage(before), "") << "the control did no damage";
}

INSTANTIATE_TEST_SUITE_P(Each, VaultAsEveryone, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
