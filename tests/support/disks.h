// File systems of other kinds, in a file, made and mounted by the test itself. Needs root and loop devices.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include "support/run_world.h"

namespace assent::run_test {

inline int status_of(const std::string& command) {
  const int status = std::system(("( " + command + " ) >/dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Why this machine cannot; empty: it can.
inline std::string why_not(const std::string& type) {
  if (::geteuid() != 0) return "mounting needs root";
  if (status_of("command -v mkfs." + type) != 0) return "there is no mkfs." + type + " (scripts/setup test)";
  if (get("/proc/filesystems").find("\t" + type + "\n") == std::string::npos && status_of("modprobe " + type) != 0)
    return "this kernel has no " + type;
  return "";
}

inline constexpr int kRefused = 77;

// In a mount namespace of its own, so that whatever happens nothing stays mounted.
inline void on_a_new(const std::string& type, const std::function<void(const std::string&)>& body,
                     const std::string& options = "loop") {
  if (const auto why = why_not(type); !why.empty()) GTEST_SKIP() << why;
  char top[] = "/var/tmp/assent-disk-XXXXXX";
  ASSERT_NE(::mkdtemp(top), nullptr);
  ::chmod(top, 0755);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(98);
    const std::string image = std::string(top) + "/image";
    const std::string disk = std::string(top) + "/disk";
    fs::create_directory(disk);
    if (status_of("truncate -s 320M " + image + " && mkfs." + type + " -q " + image) != 0) ::_exit(97);
    if (status_of("mount -o " + options + " -t " + type + " " + image + " " + disk) != 0) ::_exit(kRefused);
    body(disk);
    if (::umount2(disk.c_str(), 0) != 0) ::umount2(disk.c_str(), MNT_DETACH);
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  const bool waited = ::waitpid(child, &status, 0) == child;
  std::error_code ignored;
  fs::remove_all(top, ignored);
  ASSERT_TRUE(waited && WIFEXITED(status)) << status;
  if (WEXITSTATUS(status) == kRefused) GTEST_SKIP() << "loop mounts are refused here";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "in the child, see above";
}

}  // namespace assent::run_test
