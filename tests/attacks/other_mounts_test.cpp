// What is hidden is hidden under every path that a mount gives it, not only under the one that the profile names.
#include <sched.h>
#include <sys/mount.h>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

constexpr const char* kElsewhere = "/mnt";

bool write_all(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return ok;
}

// In a mount namespace of the caller's own `folder` is at kElsewhere too. An ordinary user needs a user namespace for
// it.
void bind_elsewhere(const std::string& folder) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  const bool root = uid == 0;
  if (::unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) ::_exit(96);
  const auto map = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; };
  if (!root && (!write_all("/proc/self/setgroups", "deny") || !write_all("/proc/self/uid_map", map(uid)) ||
                !write_all("/proc/self/gid_map", map(gid))))
    ::_exit(95);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount(folder.c_str(), kElsewhere, nullptr, MS_BIND | MS_REC, nullptr) != 0)
    ::_exit(94);
}

class OtherMounts : public AsEveryone {
 protected:
  Outcome in_there(const World& world, const std::vector<std::string>& argv) {
    return world.run(
        argv, {}, [](pid_t) {}, [&world] { bind_elsewhere(world.home); });
  }
};

TEST_P(OtherMounts, ShowNothingThatIsHidden) {
  World world(GetParam());
  put(world.project + "/.env", "SECRET token\n");
  world.give();
  const std::string at = kElsewhere;
  const std::vector<std::string> look{"sh", "-c",
                                      "cat " + at + "/.ssh/id_ed25519 " + at + "/project/.env; cat " + at +
                                          "/.local/state/assent/sessions/*/audit.jsonl; echo looked; cat " + at +
                                          "/.profile"};
  (void)world.assent({"run", "--headless", "--", "true"});  // a session whose record lies there
  const auto control = in_there(world, look);
  if (control.status >= 94 && control.status <= 96) GTEST_SKIP() << "no mounts can be made here";
  ASSERT_NE(control.out.find("SECRET key"), std::string::npos) << control.out << control.err;
  ASSERT_NE(control.out.find("SECRET token"), std::string::npos);
  ASSERT_NE(control.out.find("\"begin\""), std::string::npos);

  const auto inside = in_there(world, world.inside(look));
  EXPECT_NE(inside.out.find("looked"), std::string::npos) << inside.err;
  EXPECT_NE(inside.out.find("# profile"), std::string::npos) << "the neighbours are still there\n" << inside.err;
  EXPECT_EQ(inside.out.find("SECRET"), std::string::npos) << inside.out;
  EXPECT_EQ(inside.out.find("\"begin\""), std::string::npos) << inside.out;
}

INSTANTIATE_TEST_SUITE_P(Each, OtherMounts, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
