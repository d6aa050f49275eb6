// The calls of this room that glibc 2.36 does not wrap, and a loop-free way to speak of their failures. They are used
// in a child that was cloned without exec: nothing here allocates, locks or throws.
#pragma once

#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace assent::launch::kernel {

inline long clone3(const clone_args& arguments) { return ::syscall(SYS_clone3, &arguments, sizeof arguments); }

inline long seccomp(unsigned operation, unsigned long flags, const void* argument) {
  return ::syscall(SYS_seccomp, operation, flags, argument);
}

inline int close_range(unsigned first, unsigned last, unsigned flags) {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}

// landlock_ruleset_attr as of ABI 6; older kernels get the front of it (see landlock_size in grants.cpp).
struct LandlockRuleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

inline int landlock_create_ruleset(const LandlockRuleset* attributes, std::size_t size, unsigned flags) {
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, attributes, size, flags));
}

inline int landlock_add_path(int ruleset, int fd, std::uint64_t rights) {
  const landlock_path_beneath_attr rule{rights, fd};
  return static_cast<int>(::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}

inline int landlock_restrict_self(int ruleset) {
  return static_cast<int>(::syscall(SYS_landlock_restrict_self, ruleset, 0));
}

}  // namespace assent::launch::kernel
